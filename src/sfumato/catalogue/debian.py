"""The part of a Debian package that holds its files: a tar archive within an ``ar`` archive.

The layout is that of deb(5) and ar(5): a line of magic, then members, each behind 60 bytes that
give its name and size in ASCII; a member of odd size is followed by one byte.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from sfumato.errors import FetchError

_MAGIC = b"!<arch>\n"
_HEADER = 60
_HEADER_END = b"`\n"
_NAME = slice(0, 16)
_SIZE = slice(48, 58)
_DATA = "data.tar"
_MODES: Mapping[str, Literal["r|xz", "r|gz"]] = {"data.tar.xz": "r|xz", "data.tar.gz": "r|gz"}


@contextmanager
def open_data(path: Path) -> Iterator[tarfile.TarFile]:
    """Open the files of a package for reading in order.

    Raises:
        FetchError: They are packed in a way that cannot be read here.
        ValueError: It is not a Debian package.
    """
    with path.open("rb") as file:
        name, size = _find_data(file)
        if name not in _MODES:
            raise FetchError(f"'{path.name}' is packed as {name}, which cannot be read here.")
        with tarfile.open(fileobj=_Part(file, size), mode=_MODES[name]) as archive:
            yield archive


def _find_data(file: IO[bytes]) -> tuple[str, int]:
    """Go to the first byte of the member that holds the files; returns its name and size."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it is not a Debian package")
    while header := file.read(_HEADER):
        if len(header) < _HEADER or not header.endswith(_HEADER_END):
            raise ValueError("a header of the package is broken")
        name = header[_NAME].decode("ascii").rstrip().removesuffix("/")
        size = _count(header[_SIZE])
        if name.startswith(_DATA):
            return name, size
        file.seek(size + size % 2, 1)
    raise ValueError("the package holds no files")


def _count(digits: bytes) -> int:
    # int() would take a sign, with which a header could lead backwards.
    if not digits.rstrip().isdigit():
        raise ValueError("a size in the package is no number")
    return int(digits)


class _Part(io.BufferedIOBase):
    """The next ``size`` bytes of a file, to be read once."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes; none at the end of the part."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data
