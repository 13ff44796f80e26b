"""Own files: the files of a run or of a cache, which are regular files and never links.

A run from a stranger could otherwise make Sfumato read, overwrite or delete files elsewhere. Own
files are opened with ``O_NOFOLLOW``: :func:`open_own`, :func:`read_own`. The folder of a run may be
a link, as the user names it; the folders inside must be folders: :func:`require_own_folder`.

A file that the user names may be a link: see :mod:`sfumato.regular`.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from sfumato.errors import DamagedFile, RunError

_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
# A pipe would block without it; it changes nothing for a regular file.
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def kind_of(mode: int) -> str:
    """The kind of a file in words, such as "a device", from its mode; "a file" if it is regular."""
    return next((name for test, name in _KINDS if test(mode)), "a file")


def require(path: Path) -> None:
    """Check that there is an own file: a regular file, and no link to one.

    Raises:
        RunError: There is nothing of that name.
        DamagedFile: It is a link, or no file.
    """
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError) as error:
        raise RunError(f"There is no file {path}.") from error
    if not stat.S_ISREG(mode):
        raise _foreign(path, mode)


def is_own_file(path: Path) -> bool:
    """Whether there is a regular file of that name; False for a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):  # A ValueError is a name with a null byte.
        return False


def is_own_folder(path: Path) -> bool:
    """Whether there is a folder of that name; False for a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def require_own_folder(path: Path) -> None:
    """Check that a folder inside a run is a folder or missing, and no link.

    Raises:
        DamagedFile: It is a link, or no folder.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        raise _foreign(path, mode, expected="a folder")


def require_no_folder(path: Path) -> None:
    """Check that no folder stands in the place of a file that will be written.

    Raises:
        DamagedFile: There is a folder of that name.
    """
    if is_own_folder(path):
        raise _foreign(path, stat.S_IFDIR)


def open_own(path: Path, flags: int, mode: int = 0o666) -> int:
    """Open an own file and return its descriptor.

    Args:
        path: The file.
        flags: Flags of :func:`os.open`, such as ``os.O_RDONLY``.
        mode: The permissions of a file that is created; the umask is subtracted.

    Raises:
        DamagedFile: It is a link, or no regular file. Nothing was read or written.
        OSError: It cannot be opened.
    """
    try:
        handle = os.open(path, flags | _FLAGS, mode)
    except OSError as error:
        # A link is ELOOP; a pipe without a reader, or a socket, is ENXIO; a folder is EISDIR.
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR):
            found = path.lstat().st_mode
            if not stat.S_ISREG(found):
                raise _foreign(path, found) from error
        raise
    found = os.fstat(handle).st_mode
    if not stat.S_ISREG(found):
        os.close(handle)
        raise _foreign(path, found)
    return handle


def read_own(path: Path) -> bytes:
    """The content of an own file.

    Raises:
        RunError: There is no such file.
        DamagedFile: It is a link, or no regular file.
        OSError: It cannot be read.
    """
    with own_stream(path) as stream:
        return stream.read()


def own_stream(path: Path) -> BufferedReader:
    """An own file, opened for reading bytes.

    Raises:
        RunError: There is no such file.
        DamagedFile: It is a link, or no regular file.
        OSError: It cannot be opened.
    """
    try:
        return os.fdopen(open_own(path, os.O_RDONLY), "rb")
    except FileNotFoundError as error:
        raise RunError(f"There is no file {path}.") from error


def _foreign(path: Path, mode: int, expected: str = "a file") -> DamagedFile:
    kind = kind_of(mode)
    why = f"{expected} of that name belongs there, and links inside a run are not followed"
    hint = "Remove it, or put a copy of what it leads to in its place."
    if kind != "a link":
        why, hint = f"{expected} of that name belongs there", "Remove it."
    return DamagedFile(f"{path} is {kind}.", why=why, hint=hint)
