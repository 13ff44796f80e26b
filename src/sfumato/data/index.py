"""Listing the items of a folder, each with its label and its caption if there are any.

Labels and captions come from metadata in the folder or its subfolders, see ``data.metadata``. If
the metadata have no labels, classes come from folders, see ``data.layout``. Captions also come from
a ``.txt`` file beside the item, see ``data.captions``. Files that Sfumato wrote are no items, see
``data.marks``. No other files are opened.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.data.captions import Captions, caption_beside, text_of_name
from sfumato.data.items import Item, Items, Packer, record
from sfumato.data.layout import Folders
from sfumato.data.marks import MADE_BY_SFUMATO, USE_OUTPUTS, is_output, may_be_output
from sfumato.data.metadata import Notes
from sfumato.data.selection import Chooser, Selection
from sfumato.data.walk import (
    METADATA_FILES,
    Found,
    Rejected,
    is_metadata,
    suffix_of,
    walk,
    why_nothing_found,
)
from sfumato.errors import DataError, suggest

_EVERYTHING = Selection()


class FileKind(NamedTuple):
    """The files that a medium can read.

    Attributes:
        noun: A plural noun for messages.
        suffixes: Their suffixes, in lower case.
        unread: Suffixes of files of the medium that cannot be read, each with what to do.
    """

    noun: str
    suffixes: frozenset[str]
    unread: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Index:
    """The items of a folder.

    Attributes:
        root: The folder.
        items: The items, sorted by path.
        rejected: Files that were set aside while scanning.
        fingerprint: SHA-256 over paths, sizes, labels, captions (of a list of them the first) and
            groups. It stays the same when the folder is moved or copied. Old runs, which store no
            digest of the content, compare it instead.
        stamp: SHA-256 over the fingerprint, the path of the folder, the times of the files, all
            captions and the further fields. It is a cheap hint that nothing changed, and names the
            folder of the decoded items.
        stats: Size of each item's file in bytes, and its times of modification and of status change
            in ns; int64, shape (N, 3).
        unread: Number of files of other kinds by suffix, the most frequent first.
        metadata: The metadata files that were read.
        outputs: Whether samples that Sfumato made are items.
        chosen: The selection in words. Data of another selection are not changed data.
    """

    root: Path
    items: Sequence[Item]
    rejected: tuple[Rejected, ...]
    fingerprint: str
    stamp: str
    stats: NDArray[np.int64] = field(
        default_factory=lambda: np.empty((0, 3), np.int64), compare=False, repr=False
    )
    unread: Mapping[str, int] = field(default_factory=dict, compare=False)
    metadata: tuple[str, ...] = ()
    outputs: bool = True
    chosen: str = ""

    def __len__(self) -> int:
        return len(self.items)

    def file(self, item: Item) -> Path:
        """The path of the file of an item."""
        return self.root / item.path


def scan(root: Path, kind: FileKind, selection: Selection = _EVERYTHING) -> Index:
    """List the items of a folder, nested to any depth.

    Hidden files and folders are skipped, and so is what Sfumato wrote. Links to files are followed,
    and links to folders only if the selection says so; other links are set aside with a reason.

    Args:
        root: The folder.
        kind: The files to list.
        selection: Which of them are looked at.

    Raises:
        DataError: The folder is missing or holds nothing that ``kind`` can read.
    """
    root = Path(root).expanduser()
    _require_folder(root, kind)
    files = _Files(root, kind, selection)
    for found in walk(root, selection, leaving=True):
        files.add(found)
    files.finish()
    if not len(files):
        raise _nothing_found(root, kind, files.other, files.rejected)
    return _indexed(files)


def _require_folder(root: Path, kind: FileKind) -> None:
    if root.is_dir():
        return
    if root.is_file():
        why = "it is a single file"
        if root.suffix.lower() in kind.suffixes:
            why = f"it is one of the {kind.noun} themselves, and training needs many"
        raise DataError(
            f"'{root}' is not a folder of {kind.noun}.",
            why=why,
            hint=f"give the folder that holds the {kind.noun}.",
        )
    parent = root.parent
    beside = [child.name for child in parent.iterdir() if child.is_dir()] if parent.is_dir() else []
    raise DataError(
        f"The folder '{root}' does not exist.",
        hint=suggest(root.name, beside) if 0 < len(beside) <= 20 else "check the path.",
    )


def _nothing_found(
    root: Path, kind: FileKind, other: Counter[str], rejected: list[Rejected]
) -> DataError:
    hints = [f"{suffix}: {hint}" for suffix, hint in kind.unread.items() if other[suffix]]
    if any(one.reason == MADE_BY_SFUMATO for one in rejected):
        hints.append(USE_OUTPUTS)
    if any(one.path.startswith("--") for one in rejected):
        hints.append("a pattern is relative to the folder, such as 'cats/*.png' or '*.png'.")
    if rejected and not other and not hints:
        hints.append("repair or replace these files, or follow the reasons.")
    known = f"files that can be read: {' '.join(sorted(kind.suffixes))}"
    return DataError(
        f"There are no {kind.noun} in '{root}'.",
        why=why_nothing_found(other, rejected),
        hint="; ".join(hints) or known,
    )


class _Files:
    """The files of one kind in the order of their paths, as arrays, since there may be millions.

    Args:
        root: The folder.
        kind: The files that are items.
        selection: Which of them are looked at.

    Attributes:
        notes: What the metadata say.
        other: Number of files of other kinds, by suffix.
        rejected: Files that were set aside.
    """

    def __init__(self, root: Path, kind: FileKind, selection: Selection) -> None:
        self.root = root
        self.notes = Notes(root)
        self.other: Counter[str] = Counter()
        self.rejected: list[Rejected] = []
        self.outputs = selection.outputs
        self.chosen = repr(tuple(selection))
        self._suffixes = kind.suffixes
        self._named = {*kind.suffixes, *kind.unread}
        self._chooser = Chooser(selection)
        self._paths = Packer()
        self._stats = array("q")
        self._texts = Captions(root, kind.noun)
        self._captions: dict[int, str] = {}
        self._folders = Folders()
        self._metadata: list[str] = []
        self._sheets: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._stats) // 3

    def add(self, file: Found | Rejected) -> None:
        """Add what the walk found next."""
        folder, _, name = file.path.rpartition("/")
        if isinstance(file, Rejected):
            if suffix_of(file.path) in self._named:
                self._texts.expect(text_of_name(file.path), of_item=False)
            # A pattern that excludes a file excludes the trouble with it.
            if self._chooser.includes(file.path) or not self._is_item(file.path):
                self.rejected.append(file)
        elif is_metadata(name):
            self._metadata += [] if self._chooser.excludes(file.path) else [file.path]
        elif not self._chooser.includes(file.path):
            self._expect_text(file, of_item=False)
        elif self._is_output(file, folder):
            self._expect_text(file, of_item=False)
            self.rejected.append(Rejected(file.path, MADE_BY_SFUMATO))
        elif self._is_item(name):
            self._add_caption(file)
            self._paths.add(file.path)
            self._stats.extend((file.size, file.mtime_ns, file.ctime_ns))
            self._folders.add(file.path)
        else:
            self._expect_text(file, of_item=False)
            if name not in file.texts or not self._texts.is_caption(file.path):
                self.other[suffix_of(name) or "(no suffix)"] += 1

    def finish(self) -> None:
        """Read the metadata, deepest folders first, and compare them with the files."""
        beside: set[str] = set()
        for path in sorted(self._metadata, key=lambda path: (-path.count("/"), _rank(path), path)):
            folder = path.rpartition("/")[0]
            if folder in beside:
                reason = "is not read, as other metadata lie beside it"
                self.rejected.append(Rejected(path, reason))
                continue
            beside.add(folder)
            self.notes.read(path)
        self._all_paths = self._paths.finish()
        if self.notes:
            for path in self._all_paths:
                self.notes.find(path)
        self.rejected += self.notes.problems
        missing = self.notes.missing(self._all_paths)
        self.rejected += (one for one in missing if self._is_missing(one.path))
        self.rejected += self._texts.problems()
        self._layout = self._folders.layout()
        if self._layout.no_classes and not self.notes.labelled:
            count = self._layout.no_classes
            reason = f"its {count:,} folders are no classes, since more files lie beside them"
            self.rejected.append(Rejected(".", reason))
        for option, pattern in self._chooser.unmatched():
            self.rejected.append(Rejected(f"--{option} {pattern}", "matches no file"))

    def items(self) -> Iterator[tuple[Item, str | None]]:
        """The items, each with its caption as the fingerprint has it, see :class:`Note`."""
        for number, path in enumerate(self._all_paths):
            note = self.notes.of(path)
            label = note.label if self.notes.labelled else self._layout.label(path)
            beside = self._captions.get(number)
            held_out = note.held_out
            if held_out is None:
                held_out = self._layout.held_out(path)
            caption = note.caption or beside
            item = Item(path, label, caption, note.group, held_out=held_out, fields=note.fields)
            yield item, caption if note.hashed == "" else note.hashed or beside

    def stats(self) -> NDArray[np.int64]:
        """Size and times of each file, see :class:`Index`."""
        return np.frombuffer(self._stats, np.int64).reshape(-1, 3)

    def _add_caption(self, file: Found) -> None:
        """Read the caption of the file to be added next, from a text file beside it."""
        beside = caption_beside(file)
        if beside and not self._chooser.excludes(beside):
            self._expect_text(file, of_item=True)
            if caption := self._texts.read(beside):
                self._captions[len(self)] = caption

    def _expect_text(self, file: Found, of_item: bool) -> None:
        """Note that the text beside a file, if there is one, describes something."""
        beside = caption_beside(file) if suffix_of(file.path) in self._named else ""
        if beside and self._chooser.includes(beside):
            self.other[".txt"] -= self._texts.expect(beside, of_item)

    def _is_item(self, name: str) -> bool:
        return suffix_of(name) in self._suffixes

    def _is_missing(self, path: str) -> bool:
        """Whether a file that the metadata name is really absent, and not left out."""
        return self._chooser.includes(path) and not os.path.lexists(self.root / path)

    def _is_output(self, file: Found, folder: str) -> bool:
        """Whether Sfumato wrote a file, as far as its name suggests to look.

        All other files are looked at when they are decoded.
        """
        if not may_be_output(file.path, file.beside_sheet):
            return False
        if file.beside_sheet and folder not in self._sheets:
            self._sheets[folder] = is_output(self.root / folder / "sheet.png")
        may_be = may_be_output(file.path, self._sheets.get(folder, False))
        return may_be and is_output(self.root / file.path, samples=not self.outputs)


def _rank(path: str) -> int:
    """The place of a metadata file among those of its folder."""
    return METADATA_FILES.index(path.rpartition("/")[2].lower())


def _indexed(files: _Files) -> Index:
    packer, content, more = Packer(), hashlib.sha256(), hashlib.sha256()
    stats = files.stats()
    for number, (item, caption) in enumerate(files.items()):
        fields = (item.path, int(stats[number, 0]), item.label, caption, item.group)
        content.update(repr(fields if item.held_out is None else (*fields, item.held_out)).encode())
        text = record(item)
        if item.fields or item.caption != caption:
            more.update(text.encode())
        packer.add(text)
    fingerprint = content.hexdigest()
    stamp = hashlib.sha256(os.fsencode(files.root.resolve()) + b"\0" + fingerprint.encode())
    stamp.update(np.ascontiguousarray(stats).data)
    stamp.update(b"outputs" if files.outputs else b"")
    # A folder without further fields has the stamp that it had before there were any.
    stamp.update(more.digest() if more.digest() != hashlib.sha256().digest() else b"")
    return Index(
        files.root,
        Items(packer.finish()),
        tuple(files.rejected),
        fingerprint,
        stamp.hexdigest(),
        stats,
        {suffix: count for suffix, count in files.other.most_common() if count > 0},
        tuple(files.notes.files),
        files.outputs,
        files.chosen,
    )
