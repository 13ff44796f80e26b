"""Listing the items of a folder, each with its label and its caption if there are any.

Labels come from ``metadata.jsonl`` in the folder if it has any, else from class folders: every item
lies in a first-level folder, and there are at least two of those. Captions come from
``metadata.jsonl``, else from a ``.txt`` file beside the item. No other files are opened.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.data.items import Item, Items, Packer, record
from sfumato.data.walk import (
    METADATA,
    Found,
    Note,
    Rejected,
    read_metadata,
    suffix_of,
    walk,
    why_nothing_found,
)
from sfumato.errors import DataError, suggest

_CAPTION_LIMIT = 64 * 1024
_NO_NOTE = Note(None, None, None)


class FileKind(NamedTuple):
    """The files that a medium can read: a plural noun for messages, and lower-case suffixes."""

    noun: str
    suffixes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Index:
    """The items of a folder.

    Attributes:
        root: The folder.
        items: The items, sorted by path.
        rejected: Files that were set aside while scanning.
        fingerprint: SHA-256 over paths, sizes, labels, captions and groups. It stays the same when
            the folder is moved or copied. Old runs, which store no digest of the content, compare
            it instead.
        stamp: SHA-256 over the fingerprint, the path of the folder and the times of the files. It
            is a cheap hint that nothing changed, and names the folder of the decoded items.
        stats: Size of each item's file in bytes, and its times of modification and of status change
            in ns; int64, shape (N, 3).
        unread: Number of files of other kinds by suffix, the most frequent first.
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

    def __len__(self) -> int:
        return len(self.items)

    def file(self, item: Item) -> Path:
        """The path of the file of an item."""
        return self.root / item.path


def scan(root: Path, kind: FileKind) -> Index:
    """List the items of a folder, nested to any depth.

    Hidden files and folders are skipped. Links to folders and links that leave the root are set
    aside with a reason.

    Raises:
        DataError: The folder is missing or holds nothing that ``kind`` can read.
    """
    root = Path(root).expanduser()
    _require_folder(root, kind)
    notes, bad_lines = _notes(root)
    files = _Files(root, notes)
    rejected: list[Rejected] = []
    other: Counter[str] = Counter()
    for found in walk(root):
        if isinstance(found, Rejected):
            rejected.append(found)
        elif (suffix := suffix_of(found.path)) in kind.suffixes:
            files.add(found)
        elif found.path != METADATA:
            other[suffix or "(no suffix)"] += 1
    if not len(files):
        raise _nothing_found(root, kind, other, rejected)
    rejected += bad_lines
    rejected += [Rejected(n, f"named in {METADATA} but not found") for n in sorted(files.missing)]
    rejected += [Rejected(name, f"has no label in {METADATA}") for name in files.unlabelled()]
    return replace(_indexed(root, files, tuple(rejected)), unread=dict(other.most_common()))


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
    why = why_nothing_found(other, rejected)
    known = " ".join(sorted(kind.suffixes))
    return DataError(
        f"There are no {kind.noun} in '{root}'.", why=why, hint=f"files that can be read: {known}"
    )


def _notes(root: Path) -> tuple[dict[str, Note], list[Rejected]]:
    if not (root / METADATA).is_file():
        return {}, []
    notes, bad_lines = read_metadata(root / METADATA)
    return notes, [Rejected(f"{METADATA}:{line}", reason) for line, reason in bad_lines]


class _Files:
    """The files of one kind in the order of their paths, as arrays, since there may be millions.

    Args:
        root: The folder.
        notes: The metadata of the files from ``metadata.jsonl``, by path.

    Attributes:
        missing: Files that the metadata name and that were not found.
    """

    def __init__(self, root: Path, notes: dict[str, Note]) -> None:
        self.missing = set(notes)
        self._root = root
        self._notes = notes
        self._paths = Packer()
        self._stats = array("q")
        self._captions: dict[int, str] = {}
        self._folders: set[str] = set()
        self._has_labels = False

    def __len__(self) -> int:
        return len(self._stats) // 3

    def add(self, file: Found) -> None:
        """Add the next file."""
        note = self._notes.get(file.path, _NO_NOTE)
        caption = note.caption or _caption_beside(self._root, file)
        if caption is not None:
            self._captions[len(self)] = caption
        self._paths.add(file.path)
        self._stats.extend((file.size, file.mtime_ns, file.ctime_ns))
        self._folders.add(_folder(file.path))
        self._has_labels |= note.label is not None
        self.missing.discard(file.path)

    def unlabelled(self) -> Iterator[str]:
        """Files without a label where the metadata give labels to others; they are no items."""
        if self._has_labels:
            yield from (path for path in self._paths.finish() if self._note(path).label is None)

    def items(self) -> Iterator[tuple[int, Item]]:
        """The items, each with its place among the files."""
        of_folders = "" not in self._folders and len(self._folders) > 1
        for number, path in enumerate(self._paths.finish()):
            label, _, group = self._note(path)
            if self._has_labels and label is None:
                continue
            if not self._has_labels and of_folders:
                label = _folder(path)
            yield number, Item(path, label, self._captions.get(number), group)

    def stats(self) -> NDArray[np.int64]:
        """Size and times of each file, see :class:`Index`."""
        return np.frombuffer(self._stats, np.int64).reshape(-1, 3)

    def _note(self, path: str) -> Note:
        return self._notes.get(path, _NO_NOTE)


def _folder(path: str) -> str:
    """The first-level folder of a file; empty if the file is in the root itself."""
    first, slash, _ = path.partition("/")
    return first if slash else ""


def _caption_beside(root: Path, file: Found) -> str | None:
    folder, slash, name = file.path.rpartition("/")
    beside = f"{name.rpartition('.')[0]}.txt"
    if beside not in file.texts:
        return None
    path = root / f"{folder}{slash}{beside}"
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        text = stream.read(_CAPTION_LIMIT).decode("utf-8-sig", errors="replace").strip()
    return text or None


def _indexed(root: Path, files: _Files, rejected: tuple[Rejected, ...]) -> Index:
    packer, content, places = Packer(), hashlib.sha256(), array("q")
    stats = files.stats()
    for number, item in files.items():
        fields = (item.path, int(stats[number, 0]), item.label, item.caption, item.group)
        content.update(repr(fields).encode())
        packer.add(record(item))
        places.append(number)
    if len(places) < len(files):
        stats = stats[np.frombuffer(places, np.int64)]
    fingerprint = content.hexdigest()
    stamp = hashlib.sha256(os.fsencode(root.resolve()) + b"\0" + fingerprint.encode())
    stamp.update(np.ascontiguousarray(stats).data)
    return Index(root, Items(packer.finish()), rejected, fingerprint, stamp.hexdigest(), stats)
