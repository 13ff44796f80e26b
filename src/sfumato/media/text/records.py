"""Reading the records of ``.jsonl``, ``.json``, ``.csv`` and ``.tsv`` files.

A record that cannot be used is reported with its line, and a file that cannot be used with the
reason. Nothing is read beyond the limit of a record, so no file can fill the memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sfumato.errors import suggest
from sfumato.media.text.fields import SEVERAL, Fields, label_of, text_of
from sfumato.media.text.files import NOT_UTF8, TABLES, UNREADABLE, Form, Problem, TextFile, side_of
from sfumato.media.text.settings import USUAL_LABEL, TextSettings
from sfumato.reading.elements import NotJSON, elements_of
from sfumato.reading.lines import lines_of
from sfumato.reading.rows import Row, rows_of_lines, rows_of_table
from sfumato.reading.stream import Stream, Unusable
from sfumato.reading.table import Table

_SPLIT = "split"
_MOST_SPLITS = 20
_SEPARATED = {
    ";": ("with fields separated by semicolons",),
    "\t": ("with fields separated by tabs",),
    "|": ("with fields separated by vertical bars",),
}


class Record(NamedTuple):
    """A record.

    Attributes:
        line: Number of its first line, from 1; of a ``.json`` file the number of the element.
        text: The text, which is not empty.
        label: The name of its class, if it has one.
        held_out: Whether its field ``split`` holds it out; None without that field.
        read: Number of bytes of the file that have been read so far.
    """

    line: int
    text: str
    label: str | None
    held_out: bool | None
    read: int


def read_records(
    root: Path, file: TextFile, settings: TextSettings
) -> Iterator[Record | Problem | Form]:
    """Read a file of records.

    Yields:
        The records that have a text; problems: records and files that were set aside, labels that
        cannot be used, and names of parts of the data that are not known; and forms of the file.
    """
    try:
        stream = Stream(root / file.path, settings.encoding, western=file.suffix in TABLES)
        if stream.look is not None and not stream.look.is_text:
            raise Unusable(NOT_UTF8)
        reader = _Reader(file, settings, stream)
        yield from reader.records()
        yield from map(Form, stream.forms + reader.forms)
        yield from (Problem(file.path, None, note) for note in stream.notes)
    except Unusable as error:
        yield Problem(file.path, None, str(error))
    except OSError as error:
        yield Problem(file.path, None, f"{UNREADABLE}{error.strerror or error}")


class _Reader:
    """Reads the records of one file."""

    def __init__(self, file: TextFile, settings: TextSettings, stream: Stream) -> None:
        self._file = file
        self._settings = settings
        self._stream = stream
        self._limit = settings.max_line_mb << 20
        self._splits: set[str] = set()
        self._seeks_label = settings.label_field != USUAL_LABEL
        self._has_several = False
        self.forms: list[str] = []

    def records(self) -> Iterator[Record | Problem]:
        for line, row in self._rows():
            if isinstance(row, str):
                yield self._problem(line, row)
                continue
            try:
                text = text_of(row, self._settings)
            except ValueError as error:
                yield self._problem(line, str(error))
                continue
            label, held_out = yield from self._about(line, row)
            yield Record(line, text, label, held_out, self._stream.read)

    def _rows(self) -> Iterator[tuple[int, Row]]:
        if self._file.suffix in TABLES:
            return self._table_rows()
        if self._file.suffix == ".json":
            return self._array_rows()
        return rows_of_lines(lines_of(self._stream, self._limit))

    def _array_rows(self) -> Iterator[tuple[int, Row]]:
        name = self._settings.text_field
        try:
            # Numbered, as all elements can be on one line, and names have to differ.
            for line, (element, part) in enumerate(self._elements(), start=1):
                row = {name: element} if isinstance(element, str) else element
                if not isinstance(row, dict):
                    yield line, "not a JSON object"
                    continue
                # As in {"train": [...], "test": [...]}.
                if part is not None and side_of(part) is not None:
                    row.setdefault(_SPLIT, part)
                yield line, row
        except NotJSON as error:
            yield error.line, str(error)

    def _elements(self) -> Iterator[tuple[Any, str | None]]:
        """The elements of a ``.json`` file, each with the name of its array, if it has one."""
        for _, element, name in elements_of(self._stream, self._limit):
            if parts := _parts(element):
                yield from parts
            else:
                yield element, name

    def _table_rows(self) -> Iterator[tuple[int, Row]]:
        settings = self._settings
        wanted = [settings.text_field, *settings.text_field.split("+"), settings.label_field]
        tabs = self._file.suffix == ".tsv"
        lines = lines_of(self._stream, self._limit)
        table = Table(lines, self._limit, wanted, tabs)
        self.forms += _SEPARATED.get(table.separator, ())
        return rows_of_table(table, lambda header: _without_text(header, settings))

    def _about(
        self, line: int, row: Fields
    ) -> Generator[Problem, None, tuple[str | None, bool | None]]:
        """The label and the side of a record; yields what is wrong with them."""
        label = None
        try:
            label, why = label_of(row, self._settings.label_field)
            # Lists of labels are usual in all records or in none.
            if why and not (why == SEVERAL and self._has_several):
                self._has_several |= why == SEVERAL
                yield self._problem(line, f"'{self._settings.label_field}' {why}")
        except KeyError:
            if self._seeks_label:
                # Said once for a file: the field may be missing in all of its records.
                self._seeks_label = False
                yield self._problem(line, _no_field(row, self._settings.label_field, "label_field"))
        side = self._side(row.get(_SPLIT))
        if isinstance(side, str):
            yield self._problem(line, side)
            side = None
        return label, side

    def _side(self, value: object) -> bool | str | None:
        """Whether a record is held out; None if it does not say; or what is wrong with that."""
        if value is None or value == "":
            return None
        side = side_of(value) if isinstance(value, str) else None
        if side is not None:
            return side
        name = repr(value)[:40]
        if name in self._splits or len(self._splits) >= _MOST_SPLITS:
            return None
        self._splits.add(name)
        known = "known are train, and test, validation, eval and the like"
        return f"'{_SPLIT}' is {name}, which is not known: such records are trained on ({known})"

    def _problem(self, line: int, reason: str) -> Problem:
        return Problem(self._file.path, line, reason)


def _parts(element: object) -> list[tuple[str, str]]:
    """The strings in an object of parts of the data, each with its part; none in another value."""
    if not isinstance(element, dict) or None in map(side_of, element):
        return []
    if not all(isinstance(strings, list) for strings in element.values()):
        return []
    parts = [(each, part) for part, strings in element.items() for each in strings]
    return parts if all(isinstance(each, str) for each, _ in parts) else []


def _without_text(header: Sequence[str], settings: TextSettings) -> str:
    """Why a table with this header holds no texts; empty if it does."""
    name = settings.text_field
    if header.count(name) > 1:
        return f"has {header.count(name)} columns '{name}': it is not clear which one is the text"
    if name in header or not set(header).isdisjoint(name.split("+")):
        return ""
    columns = f"its columns are: {', '.join(header)[:200]}"
    nearest = suggest(name, header)
    hint = f" ({nearest[:200]})" if nearest.startswith("did") else ""
    return f"has no column '{name}'; {columns}{hint}"


def _no_field(row: Fields, name: str, setting: str) -> str:
    fields = ", ".join(map(str, row))[:200] or "none"
    return f"has no field '{name}' (medium.{setting}); its fields are: {fields}"
