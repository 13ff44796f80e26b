"""Printing of errors: those of Sfumato, of the command line, and of the operating system."""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Mapping
from types import MappingProxyType

from cyclopts import CycloptsError
from rich.text import Text

from sfumato.cli.output import ERR
from sfumato.errors import DiskFull, Interrupted, OutOfMemory, SfumatoError, UsageError
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

_REWORDED = (
    (r'^Command "[^"]*" parameter (\S+) requires (\d+) (positional )?arguments\. Only got (\d+)\.',
     r"\1 takes \2 values, and only \4 was given."),
    (r'^Command "([^"]*)" parameter (\S+) requires an argument\.', r"\2 needs a value."),
    (r'^Invalid value for "?(\S+?)"?: unable to convert "(.*)" into \S+\.$',
     r"Invalid value for \1: '\2' is not of the kind that it takes."),
)  # fmt: skip
"""Sentences of cyclopts, and plainer ones."""


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
    text = " ".join(str(problem).split())
    for pattern, words in _REWORDED:
        text = re.sub(pattern, words, text)
    return UsageError(text, hint="add --help to see what a command takes.")


def stopped() -> Interrupted:
    """The error for a Ctrl-C outside of training, sampling and measuring, which have their own."""
    return Interrupted(
        "The command was stopped before its end.",
        signal.SIGINT,
        hint="every file that it wrote is whole; run the same command again.",
    )


def of_the_machine(error: Exception) -> SfumatoError | None:
    """Convert an error that the machine caused, such as a lack of memory; None for other errors."""
    from sfumato.engine.machine import memory_explained

    if "home directory" in str(error):  # Of pathlib, for a user without one.
        return UsageError(
            "There is no folder for the cache.",
            why=str(error),
            hint="name one in the environment variable SFUMATO_CACHE.",
        )

    try:
        with memory_explained(
            "The command", "close other programs, or use fewer or smaller items."
        ):
            raise error
    except OutOfMemory as problem:
        return problem
    except Exception:
        return None


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
    if error.errno == errno.EFBIG:
        return DiskFull(
            f"The file{where} would be larger than this process is allowed to write.",
            why=why,
            hint="raise the limit (ulimit -f unlimited) and run the same command again.",
        )
    if error.errno == errno.ENOMEM:
        return OutOfMemory(
            "The command does not fit into memory.", why=why, hint="close other programs."
        )
    hint = _HINTS.get(error.errno or 0, "")
    return UsageError(
        f"The operating system refused to use{where or ' a file'}.", why=why, hint=hint
    )
