"""Printing of errors: those of Sfumato, of the command line, and of the operating system."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from types import MappingProxyType

from cyclopts import CycloptsError
from rich.text import Text

from sfumato.cli.output import ERR
from sfumato.errors import DiskFull, SfumatoError, UsageError
from sfumato.escaping import escape_line, escape_text

_HINTS: Mapping[int, str] = MappingProxyType(
    {
        errno.EACCES: "choose another place, or change its permissions.",
        errno.EPERM: "choose another place, or change its permissions.",
        errno.EROFS: "choose another place: this one is read-only.",
        errno.ENOTDIR: "a file stands where a folder is needed: choose another place.",
        errno.EEXIST: "a file stands where a folder is needed: choose another place.",
        errno.EISDIR: "a folder stands where a file is needed: choose another place.",
        errno.ENAMETOOLONG: "choose a shorter name.",
    }
)


def show(problem: SfumatoError) -> int:
    """Print an error (what, why, hint); returns the exit code."""
    plain(problem.what)
    for name in ("why", "hint"):
        if text := getattr(problem, name):
            # Further lines are indented, so that none looks like one of ours.
            text = escape_text(text).replace("\n", "\n       ")
            ERR.print(Text.assemble((f"  {name}: ", "bold"), text))
    return problem.exit_code


def plain(text: str) -> None:
    """Print an error that is a single sentence."""
    ERR.print(Text.assemble(("error: ", "bold red"), escape_line(text)))


def usage(problem: CycloptsError) -> UsageError:
    """Convert an error in the command line."""
    return UsageError(
        " ".join(str(problem).split()), hint="add --help to see what a command takes."
    )


def refusal(error: OSError) -> SfumatoError:
    """Convert an error of the operating system."""
    where = "" if error.filename is None else f" '{error.filename}'"
    why = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"There is no room left to write{where}.",
            why=why,
            hint="free some space and run the same command again.",
        )
    hint = _HINTS.get(error.errno or 0, "")
    return UsageError(
        f"The operating system refused to use{where or ' a file'}.", why=why, hint=hint
    )
