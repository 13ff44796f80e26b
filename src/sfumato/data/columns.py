"""The columns of a metadata file as fields of items, so that a run can learn from any of them."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from sfumato.data.fields import LONGEST, readable
from sfumato.data.walk import Rejected

_MOST = 32
_LONGEST_NAME = 100
_SHOWN = 8


class Tally:
    """Problems that many lines of a file have: each is reported once, with the number of lines."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[int, int]] = {}

    def add(self, line: int, reason: str) -> None:
        """Count a line, the first of which is named."""
        first, count = self._lines.get(reason, (line, 0))
        self._lines[reason] = first, count + 1

    def problems(self, path: str) -> Iterator[Rejected]:
        """The problems of a file.

        Args:
            path: The file.
        """
        for reason, (line, count) in self._lines.items():
            lines = f"{count:,} line{'s' if count > 1 else ''}"
            yield Rejected(f"{path}:{line}", f"{reason} ({lines})")


class Columns:
    """The columns of a metadata file.

    The first 32 columns with a value are used. What is left out is reported.

    Args:
        tally: Where problems of single lines are counted.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._names: set[str] = set()
        self._repeated: tuple[str, ...] = ()
        self._left_out: dict[str, None] = {}

    def add_header(self, names: Iterable[str]) -> None:
        """Note which columns of a table are there more than once."""
        self._repeated = _repeated(names)

    def add_names(self, line: int, names: Iterable[str]) -> None:
        """Note which fields of a line differ in case alone."""
        for name in _repeated(names):
            self._tally.add(line, f"'{name}' is there twice, and the last one is used")

    def fields(
        self, line: int, values: Mapping[str, object], but: Collection[str]
    ) -> dict[str, str | float]:
        """The fields of an item: strings and finite numbers by the names of their columns.

        Strings are composed (NFC) and have at most 500 characters, and truth values are "true" and
        "false". Empty values, lists and objects are no fields, and columns without a name neither.

        Args:
            line: The number of the line.
            values: All that it holds, by :func:`column_name`.
            but: The columns that have a meaning already.
        """
        found = {}
        for name, value in values.items():
            if name and name not in but:
                plain = self._plain(line, name, value)
                if plain is not None and plain != "" and self._is_used(name):
                    found[name] = plain
        return found

    def problems(self, path: str) -> Iterator[Rejected]:
        """What is not used of the columns of a file.

        Args:
            path: The file.
        """
        if self._repeated:
            reason = f"has several columns {_listed(self._repeated)}; the last of each is used"
            yield Rejected(path, reason)
        if self._left_out:
            reason = f"is read up to its column {_MOST}; left out: {_listed(self._left_out)}"
            yield Rejected(path, reason)

    def _plain(self, line: int, name: str, value: object) -> str | float | None:
        """A value as it is stored; None or empty if it is not."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            text = _composed(value.strip())
            if len(text) > LONGEST:
                reason = f"'{_short(name)}' is cut to its first {LONGEST} characters"
                self._tally.add(line, reason)
            return text[:LONGEST].rstrip()
        if not isinstance(value, int | float) or value != value:
            return None  # Programs write NaN for an empty cell.
        if not _is_finite(value):
            self._tally.add(line, f"'{_short(name)}' is not finite and is not used")
            return None
        return value

    def _is_used(self, name: str) -> bool:
        """Whether a column is one of those that are used."""
        if name in self._names:
            return True
        if len(self._names) < _MOST and len(name) <= _LONGEST_NAME:
            self._names.add(name)
            return True
        if len(self._left_out) <= _SHOWN:
            self._left_out[name] = None
        return False


def column_name(name: str) -> str:
    """The name of a column in lower case, composed (NFC), by which a run names it."""
    return _composed(name.lower())


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", readable(text))


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # A whole number beyond the range of floats.
        return False


def _repeated(names: Iterable[str]) -> tuple[str, ...]:
    counts = Counter(map(column_name, names))
    return tuple(name for name, count in counts.items() if name and count > 1)


def _listed(names: Collection[str]) -> str:
    shown = [f"'{_short(name)}'" for name in names][:_SHOWN]
    return ", ".join([*shown, "..."] if len(names) > _SHOWN else shown)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
