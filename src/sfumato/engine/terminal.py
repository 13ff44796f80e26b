"""Standard output and standard error, whatever becomes of their readers.

The reader of a pipe can go away (``| head``), a disk can be full, a terminal can be closed, and a
stream can be closed from the start (``>&-``). A display is not worth a training: a stream of
:func:`display` falls silent, and the work goes on. Results are worth an error: a stream of
:func:`results` raises it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Literal

from rich.console import Console

from sfumato.errors import DiskFull, SfumatoError, UsageError

Name = Literal["stdout", "stderr"]
_UNKNOWN_WIDTH = 80

_WORDS: Mapping[Name, str] = MappingProxyType(
    {"stdout": "Standard output", "stderr": "Standard error"}
)


class ReaderGone(Exception):
    """The reader of a pipe has gone away.

    It is not an ``OSError``, which libraries would handle on their own.
    """


class Stream:
    """A standard stream at the time of each write.

    Args:
        name: Which stream.
        is_display: Whether failures are silent.
    """

    def __init__(self, name: Name, is_display: bool = False) -> None:
        self._name = name
        self._is_display = is_display

    def write(self, text: str) -> int:
        """Write text.

        Raises:
            ReaderGone: The reader of a pipe has gone away, unless this is a display.
            DiskFull: There is no room, unless this is a display.
            UsageError: The stream is closed, or the system refused it, unless this is a display.
        """
        self._attempt(lambda stream: _write(stream, text))
        return len(text)

    def flush(self) -> None:
        """Hand everything written to the system; raises as :meth:`write`."""
        self._attempt(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with suppress(AttributeError, ValueError, OSError):
            return bool(self._stream.isatty())
        return False

    def fileno(self) -> int:
        """The descriptor of the stream.

        Raises:
            OSError: It has none.
        """
        if self._stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return int(self._stream.fileno())

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def _stream(self) -> Any:
        # A live display of rich puts itself in the place of the stream.
        stream = getattr(sys, self._name)
        return getattr(stream, "rich_proxied_file", stream)

    def _attempt(self, action: Callable[[Any], object]) -> None:
        stream = self._stream
        try:
            if stream is None:
                raise OSError(errno.EBADF, "it is closed")
            action(stream)
        except (OSError, ValueError) as error:  # A ValueError is a stream that was closed.
            _silence(self._name)
            if self._is_display:
                return
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from error
            raise _refused(self._name, error) from error


def _write(stream: Any, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError as error:
        stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))


def _refused(name: Name, error: OSError | ValueError) -> SfumatoError:
    what, why = f"{_WORDS[name]} cannot be written.", str(error)
    if isinstance(error, OSError):
        why = error.strerror or why
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return DiskFull(what, why=why, hint="free some space, or write to another place.")
    return UsageError(what, why=why, hint="the work itself is done; only the lines are lost.")


def _silence(name: Name) -> None:
    """Send what is still to be written to a broken stream nowhere.

    Python flushes the streams when it ends, and would fail again on what they hold.
    """
    with suppress(AttributeError, ValueError, OSError):
        stream = getattr(sys, name)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def occupy_descriptors() -> None:
    """Open the null device in place of standard streams that are closed.

    Otherwise the next file that is opened would take the place, and receive what a library writes
    to standard error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest free number, which is this one.


def display(name: Name = "stderr", **settings: Any) -> Console:
    """A console for progress and errors, which falls silent when nobody can read it any more."""
    return _console(Stream(name, is_display=True), settings)


def results(**settings: Any) -> Console:
    """A console for results on standard output; a failure to write them is raised."""
    return _console(Stream("stdout"), settings)


def _console(stream: Stream, settings: dict[str, Any]) -> Console:
    console = Console(file=stream, **settings)  # type: ignore[arg-type]
    # COLUMNS=0 stands for an unknown width, and nothing at all would be printed.
    if console.width < 1:
        console.width = _UNKNOWN_WIDTH
    return console
