"""The claim of a folder of outputs: one process at a time writes a set of files into it.

The lock is the kernel's, as that of a run (``engine.lock``), so it ends with its process. Its file
is hidden, tells a human who holds it, and is removed with the claim.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sfumato.errors import RunLocked

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_LONGEST = 1000


@contextmanager
def claimed(folder: Path, name: str = "outputs") -> Iterator[None]:
    """Hold a folder for writing a set of files, while the block runs.

    On file systems without locks nothing is locked.

    Args:
        folder: The folder; it is created if it is missing, and removed again if it stays empty.
        name: Name of the set of files. Sets of different names do not exclude each other.

    Raises:
        RunLocked: Another process, or another part of this one, writes the same files.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{name}.lock"
    handle = _locked(folder, path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(handle)
        if is_new:
            with suppress(OSError):
                folder.rmdir()


def _locked(folder: Path, path: Path) -> int:
    """An open file that is locked, and that is still the one at the path."""
    while True:
        # A link here could lead to any file, which would be emptied.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            _lock(handle, folder)
            # The last holder may have removed the file between our two calls.
            if _is_at(handle, path):
                owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
                os.ftruncate(handle, 0)
                os.pwrite(handle, owner.encode(), 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunLocked(
            f"'{folder}' is being written by {_holder(handle)}.",
            hint="wait for it, stop it, or choose another --out.",
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _holder(handle: int) -> str:
    try:
        owner = json.loads(os.pread(handle, _LONGEST, 0))
        return f"process {int(owner['pid'])} on {owner['host']!s}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
