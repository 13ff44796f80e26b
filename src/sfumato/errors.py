"""Every error that Sfumato raises on purpose.

::

    SfumatoError                exit code
    ├── UsageError               2   the request cannot be carried out as written
    │   ├── SettingError         2   a setting is unknown or has a bad value
    │   ├── DataError            2   the data is missing, empty or unreadable
    │   │   └── LateBatch        2   a batch did not arrive in time
    │   ├── RunError             2   the run is missing or lacks a part
    │   │   └── NewerFormat      2   a newer version wrote it
    │   └── MissingExtra         2   an optional package is not installed
    ├── DamagedFile              3   a file does not match its manifest or its format
    ├── RunLocked                4   another process is writing to the run
    ├── Diverged                 5   training produced a value that is not finite
    ├── FetchError               6   a catalogue package could not be downloaded or verified
    ├── DiskFull                 7   there is not enough room to write
    ├── OutOfMemory              8   the work does not fit into memory
    └── Interrupted   130, 143, 129  Ctrl-C, SIGTERM or SIGHUP; the work was saved first

An error says *what* went wrong, *why*, and how to fix it (*hint*).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class SfumatoError(Exception):
    """Base of the tree.

    Args:
        what: One sentence that names the thing and its place.
        why: The cause, where it is known.
        hint: What the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"why: {self.why}")
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


class UsageError(SfumatoError):
    """The request cannot be carried out as written."""

    exit_code = 2


class SettingError(UsageError):
    """A setting is unknown or has a bad value."""


class DataError(UsageError):
    """The data is missing, empty or unreadable."""


class LateBatch(DataError):
    """A batch did not arrive in time.

    Args:
        step: The step of the optimiser.
    """

    def __init__(self, what: str, why: str, hint: str, step: int) -> None:
        super().__init__(what, why, hint)
        self.step = step


class RunError(UsageError):
    """The run is missing or lacks a part."""


class NewerFormat(RunError):
    """A newer version wrote it.

    Args:
        what: One sentence that names the file.
        found: The format of the file.
        known: The newest format that this version reads.
    """

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            what,
            why=f"its format is {found}; this version reads up to {known}",
            hint="pip install --upgrade sfumato",
        )


class MissingExtra(UsageError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed.",
            hint=f"pip install 'sfumato[{extra}]'",
        )


class DamagedFile(SfumatoError):
    """A file does not match its manifest or its format."""

    exit_code = 3


class RunLocked(SfumatoError):
    """Another process is writing to the run."""

    exit_code = 4


class Diverged(SfumatoError):
    """Training produced a value that is not finite.

    Args:
        step: The step of the optimiser, if one caused it.
        places: The indices, from 0, of the samples in that step's batch whose loss is not finite.
        of_weights: Whether the weights are at fault rather than single samples, because the loss
            was rising or most of the batch is not finite.
    """

    exit_code = 5

    def __init__(
        self,
        what: str,
        why: str = "",
        hint: str = "",
        step: int | None = None,
        places: tuple[int, ...] = (),
        of_weights: bool = False,
    ) -> None:
        super().__init__(what, why, hint)
        self.step = step
        self.places = places
        self.of_weights = of_weights


class FetchError(SfumatoError):
    """A catalogue package could not be downloaded or verified."""

    exit_code = 6


class DiskFull(SfumatoError):
    """There is not enough room to write."""

    exit_code = 7


class OutOfMemory(SfumatoError):
    """The work does not fit into memory."""

    exit_code = 8


class Interrupted(SfumatoError):
    """A signal requested a stop; everything was saved first.

    Args:
        signum: ``signal.SIGINT``, ``SIGTERM`` or ``SIGHUP``; the exit code is 128 + signum.
    """

    def __init__(self, what: str, signum: int, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.signum = signum
        self.exit_code = 128 + signum


def suggest(word: str, known: Iterable[str]) -> str:
    """A hint for a mistyped name: the nearest known one, or the list of all.

    Returns:
        A sentence such as ``did you mean 'lr'?`` or ``known: a, b, c``.
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(names)


@contextmanager
def panics_raised() -> Iterator[None]:
    """Turn a panic inside the block into a ``ValueError``.

    A library written in Rust that meets a state which it considers impossible panics. In Python
    this is a ``PanicException``, which is not an ``Exception``, so that one bad file would end a
    run.

    Raises:
        ValueError: The library gave up; the message says where.
    """
    try:
        yield
    except BaseException as error:
        # Each library has its own class of that name, and none can be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"a library gave up on it: {error}") from error
