"""The lock of a run directory, which allows a single writer.

The lock is the kernel's (``flock``), so it is released when its process ends in any way, and never
becomes stale. The file's text only tells a human who holds it.

The file belongs to the run alone. A link or a pipe of that name is refused, and a file that has
another name too, as in a backup of hard links, is replaced, because writing would change both.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sfumato.errors import RunLocked, SfumatoError
from sfumato.storage import is_held, open_own, read_own

LOCK = "lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
# No name of a machine is longer; a stranger may have written the file.
_LONGEST_HOST = 64


class RunLock:
    """Hold a run directory for writing, as a context manager.

    On file systems without locks, such as some network file systems, nothing is locked: the files
    of two writers are intact, but one overwrites those of the other.

    Args:
        directory: The run directory; it is created if missing.

    Raises:
        RunLocked: On entry, if another process holds the lock; the message names its id.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / LOCK
        self._handle: int | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = open_own(self.path, os.O_RDWR | os.O_CREAT)
            try:
                self._lock(handle)
                if self._is_alone(handle):
                    break
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)
        owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.ftruncate(handle, 0)
        os.pwrite(handle, owner.encode(), 0)
        self._handle = handle
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The file stays, as unlinking it would let two processes lock two files of the same name.
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunLocked(
                f"{self.path.parent} is being written by {_named(self.path)}.",
                hint="Wait for it, stop it, or choose another run name.",
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise

    def _is_alone(self, handle: int) -> bool:
        """Whether the locked file is the one of that name, and has no other name.

        A file with another name is unlinked here, with its lock held, so that the next try makes a
        new one.
        """
        found = os.fstat(handle)
        try:
            if not os.path.samestat(found, self.path.lstat()):
                return False
        except FileNotFoundError:
            return False
        if found.st_nlink > 1:
            with suppress(FileNotFoundError):
                self.path.unlink()
            return False
        return True


def holder(directory: Path) -> str | None:
    """The process that is writing to a run directory, in words; None without one."""
    path = directory / LOCK
    return _named(path) if is_held(path) else None


def _named(path: Path) -> str:
    try:
        owner = json.loads(read_own(path))
        return f"process {int(owner['pid'])} on {str(owner['host'])[:_LONGEST_HOST]}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SfumatoError):
        return "another process"
