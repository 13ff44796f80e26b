"""Reading members of a wheel, an npm or a Debian package into memory, trusting nothing.

Nothing is extracted to the disk and no code of the package runs. An archive with a single name
that would lead outside a folder is refused as a whole, as is one that would inflate beyond a limit.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from sfumato.catalogue.debian import open_data
from sfumato.errors import FetchError

_MEMBER_LIMIT = 96 << 20
_TOTAL_LIMIT = 512 << 20
_COUNT_LIMIT = 100_000
_Members = Iterator[tuple[str, bytes]]


def verify(path: Path, digest: str) -> None:
    """Compare a file with its pinned ``algorithm:hex``.

    Raises:
        FetchError: They differ.
    """
    algorithm, expected = digest.split(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
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
    # Python's own readers raise nearly anything when they meet damage: IndexError, TypeError,
    # NotImplementedError and RuntimeError among it.
    except Exception as error:
        raise FetchError(f"'{path.name}' is damaged.", why=str(error)) from error
    return members


def inflate(name: str, data: bytes, limit: int) -> bytes:
    """The content of a member that is a gzip file itself.

    Args:
        name: What to call it in an error.
        data: The bytes of the member.
        limit: How many bytes the content may have.

    Raises:
        FetchError: There are more.
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
    with open_data(path) as archive:
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
