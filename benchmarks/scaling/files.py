"""Folders of many small pictures, made and taken away."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIDE = 8
FIRST = "0/0000000.png"
_CLASSES = 10
_BLOCK = 4096


@contextmanager
def pictures(count: int) -> Iterator[Path]:
    """A folder of so many different grey pictures in ten class folders, gone afterwards.

    Raises:
        OSError: There is not enough room, or there are not enough inodes.
    """
    root = Path(tempfile.mkdtemp(prefix="sfumato-scaling-"))
    try:
        _require_room(root, count)
        for label in range(_CLASSES):
            (root / f"data/{label}").mkdir(parents=True)
        for number in range(count):
            path = f"{root}/data/{number % _CLASSES}/{number:07d}.png"
            with open(path, "wb") as file:  # noqa: PTH123  # A Path takes longer than the system.
                file.write(_png(number))
        yield root
    finally:
        shutil.rmtree(root)


def inodes(count: int) -> int:
    """How many inodes such a folder takes."""
    return count + _CLASSES + 2


def _require_room(root: Path, count: int) -> None:
    system = os.statvfs(root)
    # Some file systems have no fixed number of inodes, and say that there are none.
    if system.f_files and system.f_favail < inodes(count):
        raise OSError(f"'{root}' has {system.f_favail:,} inodes left: set TMPDIR to another place.")
    if system.f_bavail * system.f_frsize < 2 * count * _BLOCK:
        raise OSError(f"'{root}' lacks room for {count:,} files: set TMPDIR to another place.")


def _png(number: int) -> bytes:
    """A picture that no other number has."""
    rows = ((number * 2654435761 + 40503 * row) % 2**64 for row in range(SIDE))
    pixels = b"".join(b"\0" + row.to_bytes(SIDE, "little") for row in rows)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    end = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + end
