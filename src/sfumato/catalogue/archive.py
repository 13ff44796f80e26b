"""Reading members of a wheel, an npm or a Debian package into memory without trusting it.

Nothing is extracted to the disk and no code of the package runs. An archive with an unsafe name is
refused as a whole, and so is one that inflates beyond a limit.

A Debian package is a tar archive within an ``ar`` archive, see deb(5) and ar(5): a line of magic,
then members, each after a header of 60 bytes with its name and size in ASCII; a member of odd size
is followed by one byte.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Literal

from sfumato.errors import FetchError

_MEMBER_LIMIT = 96 << 20
_TOTAL_LIMIT = 512 << 20
_COUNT_LIMIT = 100_000
_Members = Iterator[tuple[str, bytes]]
_MAGIC = b"!<arch>\n"
_HEADER = 60
_HEADER_END = b"`\n"
_NAME = slice(0, 16)
_SIZE = slice(48, 58)
_DATA = "data.tar"
_MODES: Mapping[str, Literal["r|xz", "r|gz"]] = {"data.tar.xz": "r|xz", "data.tar.gz": "r|gz"}


def verify(path: Path, digest: str) -> None:
    """Compare a file with its pinned digest ``algorithm:hex``.

    Raises:
        FetchError: The digests differ, or the file cannot be read.
    """
    algorithm, expected = digest.split(":")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        why = error.strerror or str(error)
        raise FetchError(f"'{path}' cannot be read.", why=why) from error
    if found != expected:
        raise FetchError(
            f"'{path.name}' is not the file that the catalogue names.",
            why=f"its {algorithm} is {found}, and should be {expected}",
            hint="fetch it again; if it differs again, the registry serves another file.",
        )


def read_members(path: Path, wanted: re.Pattern[str]) -> dict[str, bytes]:
    """Read the members whose whole name matches ``wanted``.

    Raises:
        FetchError: The archive is damaged, holds an unsafe name, or is too large.
    """
    members: dict[str, bytes] = {}
    total = 0
    try:
        for name, data in _reader(path)(path, wanted):
            total += len(data)
            if total > _TOTAL_LIMIT:
                raise FetchError(f"'{path.name}' holds more than {_TOTAL_LIMIT >> 20} MiB.")
            members[name] = data
    except FetchError:
        raise
    # On damaged archives Python's readers raise nearly anything, such as IndexError, TypeError,
    # NotImplementedError and RuntimeError.
    except Exception as error:
        raise FetchError(f"'{path.name}' is damaged.", why=str(error)) from error
    return members


def inflate(name: str, data: bytes, limit: int) -> bytes:
    """Decompress a member that is a gzip file itself.

    Args:
        name: Name of the member for errors.
        data: The bytes of the member.
        limit: Largest number of bytes of the content.

    Raises:
        FetchError: The content is larger.
    """
    with gzip.open(io.BytesIO(data)) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FetchError(f"'{name}' is larger than expected.")
    return content


def _reader(path: Path) -> Callable[[Path, re.Pattern[str]], _Members]:
    if path.suffix == ".deb":
        return _read_deb
    return _read_tgz if path.name.endswith((".tgz", ".tar.gz")) else _read_zip


def _read_zip(path: Path, wanted: re.Pattern[str]) -> _Members:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > _COUNT_LIMIT:
            raise FetchError(f"'{path.name}' has more than {_COUNT_LIMIT:,} members.")
        for entry in entries:
            _require_safe(path, entry.filename)
        for entry in entries:
            if not entry.is_dir() and wanted.fullmatch(entry.filename):
                with archive.open(entry) as member:
                    yield entry.filename, _limited(path, member.read(_MEMBER_LIMIT + 1))


def _read_tgz(path: Path, wanted: re.Pattern[str]) -> _Members:
    with tarfile.open(path, "r|gz") as archive:
        yield from _read_tar(path, archive, wanted)


def _read_deb(path: Path, wanted: re.Pattern[str]) -> _Members:
    with _open_data(path) as archive:
        yield from _read_tar(path, archive, wanted)


def _read_tar(path: Path, archive: tarfile.TarFile, wanted: re.Pattern[str]) -> _Members:
    passed = 0
    for count, entry in enumerate(archive):
        _require_safe(path, entry.name)
        passed += entry.size
        if count > _COUNT_LIMIT or passed > _TOTAL_LIMIT:
            raise FetchError(f"'{path.name}' inflates beyond the limit.")
        if entry.isfile() and wanted.fullmatch(entry.name):
            member = archive.extractfile(entry)
            if member is not None:
                yield entry.name, _limited(path, member.read(_MEMBER_LIMIT + 1))


def _limited(path: Path, data: bytes) -> bytes:
    if len(data) > _MEMBER_LIMIT:
        raise FetchError(f"A member of '{path.name}' is larger than {_MEMBER_LIMIT >> 20} MiB.")
    return data


def _require_safe(path: Path, name: str) -> None:
    outside = PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive
    if outside or ".." in PurePosixPath(name).parts or "\\" in name or "\0" in name:
        raise FetchError(
            f"'{path.name}' is refused.",
            why=f"it holds the unsafe name {name!r}",
            hint="do not use this file.",
        )


@contextmanager
def _open_data(path: Path) -> Iterator[tarfile.TarFile]:
    """Open the tar archive in a Debian package for reading in order.

    Raises:
        FetchError: The compression is not supported.
        ValueError: The file is not a Debian package.
    """
    with path.open("rb") as file:
        name, size = _find_data(file)
        if name not in _MODES:
            raise FetchError(f"'{path.name}' is packed as {name}, which cannot be read here.")
        with tarfile.open(fileobj=_Part(file, size), mode=_MODES[name]) as archive:
            yield archive


def _find_data(file: IO[bytes]) -> tuple[str, int]:
    """Seek to the member that holds the files; returns its name and size."""
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
    # int() would accept a sign, with which a header could point backwards.
    if not digits.rstrip().isdigit():
        raise ValueError("a size in the package is no number")
    return int(digits)


class _Part(io.BufferedIOBase):
    """A stream of the next ``size`` bytes of a file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes; none at the end of the part."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data
