"""The records of a table with separators, as spreadsheets write it.

Fields may be in double quotes, which are doubled inside, and then hold separators and line breaks.
A quote that opens a field and is not closed would take in all that follows up to the next quote. A
record in which that shows costs its first line alone, and reading goes on at its second.

The time is proportional to the size of the table, wherever quotes stand. A line is parsed at most
twice: as one at whose start a field is open, and as one at whose start none is. Where the field
that is open at the start of a line ends does not depend on the line in which it was opened, so it
is found once for all records that may have opened it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from sfumato.reading.lines import Line

SEPARATORS = (",", ";", "\t", "|")
_STATED = "sep="
Cells = list[str] | str
"""The fields of a record, or the reason why it cannot be read."""


class _Parsed(NamedTuple):
    """A line's fields; the last one is open if it goes on in the next line."""

    cells: list[str]
    is_open: bool
    problem: str = ""


@dataclass(slots=True)
class _Row:
    """A line, how it is parsed where a field is open at its start, and sums up to its end."""

    line: Line
    inside: _Parsed | None = None
    size: int = 0
    fields: int = 0


def _separator(header: str, wanted: Sequence[str], tabs: bool) -> str:
    """The separator with which the header has the most wanted columns, or the most columns."""
    order = sorted(SEPARATORS, key=lambda each: each != "\t") if tabs else SEPARATORS
    found = {each: [cell.strip() for cell in _parsed(header, False, each).cells] for each in order}
    names = set(wanted)
    return max(order, key=lambda each: (len(names.intersection(found[each])), len(found[each])))


def _parsed(text: str, inside: bool, separator: str) -> _Parsed:
    """Parse a line.

    Args:
        text: The line without its end.
        inside: Whether a quoted field is open at its start.
        separator: The separator.
    """
    cells: list[str] = []
    place = 0
    while True:
        if not inside:
            if text.startswith('"', place):
                inside, place = True, place + 1
                continue
            stop = text.find(separator, place)
            if stop < 0:
                cells.append(text[place:])
                return _Parsed(cells, False)
            cells.append(text[place:stop])
            place = stop + 1
            continue
        stop = _closing(text, place)
        cells.append(text[place : len(text) if stop < 0 else stop].replace('""', '"'))
        if stop < 0:
            return _Parsed(cells, True)
        place = stop + 1
        if place == len(text):
            return _Parsed(cells, False)
        if not text.startswith(separator, place):
            return _Parsed(cells, False, f"'{separator}' expected after '\"'".replace("\t", "tab"))
        inside, place = False, place + 1


def _closing(text: str, place: int) -> int:
    """Where a quoted field is closed, or -1."""
    while (stop := text.find('"', place)) >= 0 and text.startswith('"', stop + 1):
        place = stop + 2
    return stop


class Table:
    """Reads the records of a table, the first of which is its header.

    Args:
        lines: Its lines.
        limit: The largest number of characters of a record.
        wanted: The names of columns, by which the separator is recognised.
        tabs: Whether tabs are the likeliest separator.

    Attributes:
        separator: The separator.
    """

    def __init__(
        self, lines: Iterable[Line], limit: int, wanted: Sequence[str], tabs: bool = False
    ) -> None:
        self._lines = iter(lines)
        self._limit = limit
        self._rows = deque[_Row]()
        self._first = 0
        # The lines zone[0] <= n < zone[1] are known to be wholly inside a quoted field, if one is
        # open at the start of the first of them.
        self._zone = 0, 0
        self._width = 0
        first = next((line for line in self._lines if line.text.strip() or line.problem), None)
        header = "" if first is None else first.text
        if header.lower().startswith(_STATED) and len(header) == len(_STATED) + 1:
            self.separator = header[-1]
            return
        self.separator = _separator(header, wanted, tabs)
        if first is not None:
            self._rows.append(_Row(first))

    def records(self) -> Iterator[tuple[int, Cells]]:
        """The records; none if the header cannot be read.

        Yields:
            The number of the first line and the fields of each record that is not empty, or the
            reason why it cannot be read. All records have as many fields as the header.
        """
        while (row := self._row(self._first)) is not None:
            count, cells = 1, self._plain(row) if '"' not in row.line.text else None
            if cells is None:
                count, cells = self._quoted(row.line.text)
                cells = row.line.problem or cells
            if cells:
                yield row.line.number, cells
                if not self._width:
                    return
            self._forget(count)

    def _plain(self, row: _Row) -> Cells:
        """The record of a line without quotes; empty if the line is."""
        if row.line.problem or not row.line.text.strip():
            return row.line.problem
        cells = row.line.text.split(self.separator)
        return self._whole(cells) if any(cells) else ""

    def _whole(self, cells: list[str]) -> Cells:
        self._width = self._width or len(cells)
        # Programs write the separators of empty cells at the end, or do not.
        cells += [""] * (self._width - len(cells))
        if any(cells[self._width :]):
            return f"has {len(cells)} fields, and the header {self._width}"
        return cells[: self._width]

    def _quoted(self, text: str) -> tuple[int, Cells]:
        """The number of lines of the first record, and its cells or why it cannot be read."""
        start = _parsed(text, False, self.separator)
        if start.problem:
            return 1, f"not CSV: {start.problem}"
        if not start.is_open:
            return 1, self._whole(start.cells)
        stop, reason = self._end()
        if reason:
            return 1, f"not CSV: {reason}"
        width = len(start.cells) + self._fields(self._first + 1, stop)
        if self._width and width != self._width:
            return 1, f"has {width} fields, and the header {self._width}"
        problem = self._first_problem(stop)
        return stop - self._first + 1, problem or self._whole(self._joined(start.cells, stop))

    def _joined(self, cells: list[str], stop: int) -> list[str]:
        """The fields of a record from its first line to the line ``stop``."""
        whole, parts = cells[:-1], cells[-1:]
        for row in islice(self._rows, 1, stop - self._first + 1):
            more = self._inside(row).cells
            parts.append(more[0])
            if len(more) > 1:
                whole += ["\n".join(parts), *more[1:-1]]
                parts = more[-1:]
        return [*whole, "\n".join(parts)]

    def _end(self) -> tuple[int, str]:
        """The line in which the field is closed that the first line opens, or why there is none."""
        begin, end = self._zone
        start = self._first + 1
        if not begin <= start <= end:
            begin = end = start
        while True:
            self._zone = begin, end
            row = self._row(end)
            if row is None:
                return end, "a quote is not closed"
            size, fields = self._sums(end - 1) if end > begin else (0, 0)
            parsed = self._inside(row)
            row.size = size + len(row.line.text) + 1
            row.fields = fields + len(parsed.cells) - 1
            if parsed.problem:
                return end, parsed.problem
            if row.size - (self._sums(start - 1)[0] if start > begin else 0) > self._limit:
                return end, f"field larger than {self._limit} characters: a quote is not closed"
            if not parsed.is_open:
                return end, ""
            end += 1

    def _sums(self, number: int) -> tuple[int, int]:
        row = self._rows[number - self._first]
        return row.size, row.fields

    def _fields(self, start: int, stop: int) -> int:
        """Number of fields that begin in some lines after the first record's own."""
        before = self._sums(start - 1)[1] if start > self._zone[0] else 0
        return self._sums(stop)[1] - before

    def _inside(self, row: _Row) -> _Parsed:
        if row.inside is None:
            row.inside = _parsed(row.line.text, True, self.separator)
        return row.inside

    def _first_problem(self, stop: int) -> str:
        rows = islice(self._rows, stop - self._first + 1)
        return next((row.line.problem for row in rows if row.line.problem), "")

    def _row(self, number: int) -> _Row | None:
        """A line by its place in the table; None behind the last one."""
        while number - self._first >= len(self._rows):
            line = next(self._lines, None)
            if line is None:
                return None
            self._rows.append(_Row(line))
        return self._rows[number - self._first]

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._rows.popleft()
        self._first += count
