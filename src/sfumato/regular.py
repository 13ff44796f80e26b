"""Refusing what is no regular file before it is opened: pipes, devices, sockets and folders."""

from __future__ import annotations

import stat
from pathlib import Path

from sfumato.errors import DataError

_KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


def irregular(path: Path) -> str | None:
    """What stands at a path instead of a regular file, in words; None for a regular file.

    Links are followed. Nothing is opened: opening a pipe can wait forever, and opening a device can
    have effects.

    Returns:
        A phrase such as ``it is a pipe``, ``it is a folder`` or ``no such file or directory``.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # A name with a null byte is a ValueError.
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        return why[:1].lower() + why[1:]
    return None if stat.S_ISREG(mode) else f"it is {kind_of(mode)}"


def kind_of(mode: int) -> str:
    """What stands at a path, by the mode in its status, in words such as ``a pipe``."""
    return next((f"a {word}" for test, word in _KINDS if test(mode)), "a device")


def require_regular(path: Path) -> None:
    """Check that a path of the user leads to a regular file, without opening it.

    Raises:
        DataError: There is no file, or it is a folder, a pipe, a socket or a device.
    """
    why = irregular(path)
    if why is not None:
        raise DataError(
            f"'{path}' cannot be read as a file.",
            why=why,
            hint="check the path."
            if not why.startswith("it is")
            else "name a file; save what comes from a pipe or a device to a file first.",
        )
