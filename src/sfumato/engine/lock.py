"""The lock of a run directory, which allows a single writer.

The lock is the kernel's (``flock``), so it is released when its process ends in any way, and never
becomes stale. The file's text only tells a human who holds it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sfumato.errors import RunLocked
from sfumato.storage import is_held

_NAME = "lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


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
        self.path = directory / _NAME
        self._stream: IO[str] | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stream = self.path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.close()
            raise RunLocked(
                f"{self.path.parent} is being written by {_named(self.path)}.",
                hint="Wait for it, stop it, or choose another run name.",
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                stream.close()
                raise
        stream.seek(0)
        stream.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, stream)
        stream.flush()
        self._stream = stream
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The file stays, as unlinking it would let two processes lock two files of the same name.
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def holder(directory: Path) -> str | None:
    """The process that is writing to a run directory, in words; None without one."""
    path = directory / _NAME
    return _named(path) if is_held(path) else None


def _named(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
