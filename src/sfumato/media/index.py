"""A folder of files as a list of items, each with a label and a caption where they are known.

Labels come from ``metadata.jsonl`` in the folder when it gives any, else from class folders: every
item lies in a first-level folder, and there are at least two of those. Captions come from
``metadata.jsonl``, else from a ``.txt`` file beside the item. Nothing is opened but these texts.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sfumato.errors import DataError, suggest
from sfumato.media.metadata import METADATA, Note, read_metadata

_CAPTION_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the data set.

    Attributes:
        path: Relative to the root, with ``/`` between parts.
        label: The name of its class, if it has one.
        caption: A description in words, if it has one.
        group: Near-duplicates share it; a group is never divided between training and held-out
            data. ``None`` means that the item is a group of its own.
        part: Which part of the file it is, from 0, where a medium divides files.
    """

    path: str
    label: str | None = None
    caption: str | None = None
    group: str | None = None
    part: int = 0

    @property
    def name(self) -> str:
        """The path, and the number of the part for all but the first."""
        return f"{self.path}#{self.part}" if self.part else self.path


class Rejected(NamedTuple):
    """A file (or a line of ``metadata.jsonl``) set aside, and why."""

    path: str
    reason: str


class FileKind(NamedTuple):
    """Which files a medium can read: a plural noun for messages, and lower-case suffixes."""

    noun: str
    suffixes: frozenset[str]


class _Found(NamedTuple):
    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Index:
    """What a folder holds.

    Attributes:
        root: The folder.
        items: Sorted by path.
        rejected: What was set aside while scanning.
        fingerprint: SHA-256 over paths, sizes, labels, captions and groups. It stays the same when
            the folder is moved or copied.
        stamp: The fingerprint and the times of modification: changes when a file is edited in place
            without changing its size. Decoded copies are keyed by it.
    """

    root: Path
    items: tuple[Item, ...]
    rejected: tuple[Rejected, ...]
    fingerprint: str
    stamp: str

    def __len__(self) -> int:
        return len(self.items)

    def file(self, item: Item) -> Path:
        """The place of an item on the disk."""
        return self.root / item.path


def scan(root: Path, kind: FileKind) -> Index:
    """List the items of a folder, nested to any depth.

    Hidden files and folders are passed over. Links to folders and links that leave the root are set
    aside with a reason.

    Raises:
        DataError: The folder is missing or holds nothing that ``kind`` can read.
    """
    root = Path(root).expanduser()
    _require_folder(root, kind)
    rejected: list[Rejected] = []
    other: Counter[str] = Counter()
    found: list[_Found] = []
    for file in _walk(root, root.resolve(), rejected):
        suffix = PurePosixPath(file.path).suffix.lower()
        if suffix in kind.suffixes:
            found.append(file)
        else:
            other[suffix or "(no suffix)"] += 1
    if not found:
        raise _nothing_found(root, kind, other, rejected)
    found.sort()
    items = _describe(root, [file.path for file in found], rejected)
    fingerprint, stamp = _fingerprints(items, {file.path: file for file in found})
    return Index(root, tuple(items), tuple(rejected), fingerprint, stamp)


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


def _walk(root: Path, real_root: Path, rejected: list[Rejected]) -> Iterator[_Found]:
    pending = [root]
    while pending:
        try:
            entries = sorted(os.scandir(pending.pop()), key=lambda entry: entry.name)
        except OSError as error:
            rejected.append(Rejected(_shown(error.filename), f"cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry.path)
            name = path.relative_to(root).as_posix()
            reason = _refusal(entry, name, path, real_root)
            if reason:
                rejected.append(Rejected(_shown(name), reason))
            elif entry.is_dir():
                pending.append(path)
            elif entry.is_file():
                status = entry.stat()
                yield _Found(name, status.st_size, status.st_mtime_ns)


def _refusal(entry: os.DirEntry[str], name: str, path: Path, real_root: Path) -> str | None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    if not entry.is_symlink():
        return None
    if not path.exists():
        return "a link to nothing"
    if not path.resolve().is_relative_to(real_root):
        return "a link that leaves the folder"
    return "a link to a folder" if path.is_dir() else None


def _shown(name: str) -> str:
    return str(name).encode(errors="backslashreplace").decode()


def _nothing_found(
    root: Path, kind: FileKind, other: Counter[str], rejected: list[Rejected]
) -> DataError:
    if other:
        seen = ", ".join(f"{count} x {suffix}" for suffix, count in other.most_common(5))
        why = f"it holds other files: {seen}"
    elif rejected:
        why = f"everything in it was set aside: {rejected[0].path}: {rejected[0].reason}"
    else:
        why = "the folder is empty"
    known = " ".join(sorted(kind.suffixes))
    return DataError(
        f"There are no {kind.noun} in '{root}'.", why=why, hint=f"files that can be read: {known}"
    )


def _describe(root: Path, paths: list[str], rejected: list[Rejected]) -> list[Item]:
    notes: Mapping[str, Note] = {}
    if (root / METADATA).is_file():
        notes, bad_lines = read_metadata(root / METADATA)
        rejected += [Rejected(f"{METADATA}:{line}", reason) for line, reason in bad_lines]
        missing = sorted(notes.keys() - set(paths))
        rejected += [Rejected(name, f"named in {METADATA} but not found") for name in missing]
    items = [_with_note(root, path, notes.get(path)) for path in paths]
    if any(item.label is not None for item in items):
        unlabelled = [item.path for item in items if item.label is None]
        rejected += [Rejected(path, f"has no label in {METADATA}") for path in unlabelled]
        return [item for item in items if item.label is not None]
    return _labelled_by_folder(items)


def _with_note(root: Path, path: str, note: Note | None) -> Item:
    label, caption, group = note or (None, None, None)
    if caption is None:
        caption = _caption_beside(root / path)
    return Item(path, label, caption, group)


def _caption_beside(path: Path) -> str | None:
    beside = path.with_suffix(".txt")
    if beside.is_symlink() or not beside.is_file():
        return None
    with beside.open("rb") as file:
        text = file.read(_CAPTION_LIMIT).decode("utf-8-sig", errors="replace").strip()
    return text or None


def _labelled_by_folder(items: list[Item]) -> list[Item]:
    folders = [PurePosixPath(item.path).parts for item in items]
    if any(len(parts) < 2 for parts in folders) or len({parts[0] for parts in folders}) < 2:
        return items
    return [replace(item, label=parts[0]) for item, parts in zip(items, folders, strict=True)]


def _fingerprints(items: list[Item], files: Mapping[str, _Found]) -> tuple[str, str]:
    content, edits = hashlib.sha256(), hashlib.sha256()
    for item in items:
        file = files[item.path]
        content.update(repr((item.path, file.size, item.label, item.caption, item.group)).encode())
        edits.update(repr((item.path, file.mtime_ns)).encode())
    edits.update(content.digest())
    return content.hexdigest(), edits.hexdigest()
