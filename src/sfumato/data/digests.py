"""The identity of a data set: a digest of every item, and the difference between two states.

A run stores its table of digests in ``data.digests``, from which changed files can be named even
without the cache. Digests are of decoded content, so a file that was copied, touched or stored
again without loss counts as the same, and one replaced by another of equal size does not.

The file is a line of JSON (format, number of items, versions of the decoders, SHA-256 of the rest)
and zlib-compressed lines of JSON, one per item in the order of paths.
"""

from __future__ import annotations

import hashlib
import json
import platform
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from sfumato.errors import DamagedFile
from sfumato.storage import read_own, write_bytes

DIGEST_BYTES = 16
"""Length of the digest of one item."""

_FORMAT = 1
_MOST_ITEMS = 1_000_000
_MOST_BYTES = 256 << 20
_MOST_NAMES = 20
_SHOWN = 3
_DECODERS = ("numpy", "pillow", "pillow-heif", "resvg-py", "soundfile", "av", "soxr")


class Entry(NamedTuple):
    """The identity of one item; entries are compared in the order of (path, part).

    Attributes:
        path: Path of its file, relative to the folder.
        part: Number of the part of the file, from 0.
        digest: Digest of its decoded content, in hexadecimal.
        label: Its class, if classes are used.
        group: See :class:`~sfumato.data.items.Item`.
        size: Size of its file in bytes.
        held_out: See :class:`~sfumato.data.items.Item`.
    """

    path: str
    part: int
    digest: str
    label: str | None = None
    group: str | None = None
    size: int = 0
    held_out: bool | None = None


class Names:
    """A number of files and the names of the first 20 of them."""

    def __init__(self, count: int = 0, names: Iterable[str] = ()) -> None:
        self.count = count
        self.names = list(names)
        self._last = ""

    def add(self, name: str) -> None:
        """Count a file; consecutive parts of one file count once."""
        if self._last == name:
            return
        self._last = name
        self.count += 1
        if len(self.names) < _MOST_NAMES:
            self.names.append(name)

    def __str__(self) -> str:
        more = ", ..." if self.count > _SHOWN else ""
        return f"({', '.join(self.names[:_SHOWN])}{more})"


class Changes:
    """Files that differ between two states of a data set.

    Attributes:
        changed: Files with another content than before.
        relabelled: Files with the same content and another label, group or part.
        new: Files that only the second state has.
        gone: Files that only the first state has.
    """

    def __init__(self) -> None:
        self.changed, self.relabelled = Names(), Names()
        self.new, self.gone = Names(), Names()

    def __bool__(self) -> bool:
        return any(names.count for names in self._by_word().values())

    def __str__(self) -> str:
        """The changes in words: ``2 changed (a.bmp, b.bmp), 1 new (c.bmp)``."""
        return ", ".join(
            f"{names.count:,} {word} {names}"
            for word, names in self._by_word().items()
            if names.count
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; empty without changes."""
        return {
            word: {"count": names.count, "names": names.names}
            for word, names in self._by_word().items()
            if names.count
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Changes:
        """Read what :meth:`to_json` wrote."""
        changes = cls()
        for word, names in changes._by_word().items():
            if word in value:
                names.count, names.names = int(value[word]["count"]), list(value[word]["names"])
        return changes

    def _by_word(self) -> dict[str, Names]:
        return {
            "changed": self.changed,
            "with another label, group or split": self.relabelled,
            "new": self.new,
            "gone": self.gone,
        }


def compare(
    before: Iterable[Entry], now: Iterable[Entry], exact: bool = True, labels: bool = True
) -> Changes:
    """Find the files that differ; both sides are read once, in the order of (path, part).

    Args:
        before: The first state.
        now: The second state.
        exact: Whether digests can be compared. Other versions of the decoders may decode the same
            file to other numbers; then a file counts as changed only if its size differs too.
        labels: Whether labels are compared.
    """
    changes = Changes()
    left, right = iter(before), iter(now)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if one is not None and (other is None or one[:2] < other[:2]):
            changes.gone.add(one.path)
            one = next(left, None)
        elif other is not None and (one is None or other[:2] < one[:2]):
            changes.new.add(other.path)
            other = next(right, None)
        elif one is not None and other is not None:
            if one.digest != other.digest and (exact or one.size != other.size):
                changes.changed.add(one.path)
            elif _about(one, labels) != _about(other, labels):
                changes.relabelled.add(one.path)
            one, other = next(left, None), next(right, None)
    return changes


def _about(entry: Entry, labels: bool) -> tuple[str | None, str | None, bool | None]:
    return entry.label if labels else None, entry.group, entry.held_out


def changes_since(table: Path, entries: Iterable[Entry], labels: bool = True) -> Changes | None:
    """Find the files that differ from a table that was written when a run began.

    Args:
        table: ``data.digests`` of the run.
        entries: The present items.
        labels: Whether labels are compared.

    Returns:
        The changes; None if the table is missing or damaged.
    """
    if not table.is_file():
        return None
    try:
        decoders, before = read_digests(table)
        return compare(before, entries, decoders == decoder_versions(), labels)
    except DamagedFile:
        return None


def write_digests(path: Path, entries: Iterable[Entry]) -> None:
    """Write a table of digests atomically, unless it exceeds a million items or 256 MiB.

    Raises:
        DiskFull: There is no room; nothing is left behind.
    """
    packer, body = zlib.compressobj(), bytearray()
    count = size = 0
    for entry in entries:
        # Earlier versions know no last field, which few data have.
        fields = entry if entry.held_out is not None else entry[:-1]
        line = json.dumps(fields).encode() + b"\n"
        count, size = count + 1, size + len(line)
        if count > _MOST_ITEMS or size > _MOST_BYTES:
            return
        body += packer.compress(line)
    body += packer.flush()
    head = {
        "format": _FORMAT,
        "items": count,
        "decoders": decoder_versions(),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    write_bytes(path, json.dumps(head).encode() + b"\n" + body)


def read_digests(path: Path) -> tuple[str, Iterator[Entry]]:
    """Read a table of digests.

    Returns:
        The versions of the decoders, and an iterator over the entries.

    Raises:
        RunError: The file is missing.
        DamagedFile: The file is a link or damaged; a bad entry raises it when the iterator reaches
            it.
    """
    first, _, body = read_own(path).partition(b"\n")
    try:
        head = json.loads(first)
        if head["format"] != _FORMAT or hashlib.sha256(body).hexdigest() != head["sha256"]:
            raise ValueError("its content differs from its SHA-256")
        unpacker = zlib.decompressobj()
        lines = unpacker.decompress(body, _MOST_BYTES).splitlines()
        if not unpacker.eof or len(lines) != head["items"]:
            raise ValueError("it is cut short")
        return str(head["decoders"]), (_entry(path, line) for line in lines)
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error) as error:
        raise _damaged(path, str(error)) from error


def _entry(path: Path, line: bytes) -> Entry:
    try:
        entry = Entry(*json.loads(line))
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(entry.path, str) or not isinstance(entry.part, int):
        raise _damaged(path, f"a name is {entry.path!r}")
    return entry


def _damaged(path: Path, why: str) -> DamagedFile:
    return DamagedFile(
        f"{path} is not a table of digests.",
        why=why,
        hint="delete it: then changed files are still noticed, but not named.",
    )


@cache
def decoder_versions() -> str:
    """The packages that decode files, with their versions and the kind of processor."""
    return " ".join([platform.machine(), *map(_versioned, _DECODERS)])


def _versioned(package: str) -> str:
    try:
        return f"{package}-{version(package)}"
    except PackageNotFoundError:
        return f"{package}-none"


def digest_of(data: bytes | memoryview) -> bytes:
    """The digest of decoded content."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
