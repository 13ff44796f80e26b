"""Reading the records of ``.jsonl`` and ``.csv`` files, with problems reported by line.

A line is never read beyond the limit, so no file can fill the memory.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sfumato.errors import DataError, suggest
from sfumato.media.text.files import UNREADABLE, Problem, TextFile
from sfumato.media.text.settings import USUAL_LABEL, TextSettings

_SKIP = 1 << 20
_HELD_OUT: Mapping[str, bool] = {
    "train": False,
    "training": False,
    **dict.fromkeys(("test", "validation", "valid", "val", "dev", "held_out"), True),
}


class Record(NamedTuple):
    """A record.

    Attributes:
        line: Number of its first line, from 1.
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


def read_records(root: Path, file: TextFile, settings: TextSettings) -> Iterator[Record | Problem]:
    """Read a ``.jsonl`` or ``.csv`` file; unusable records are reported with their lines.

    Raises:
        DataError: The first record lacks a field that the settings name.
    """
    limit = settings.max_line_mb << 20
    rows = _csv_rows if file.suffix == ".csv" else _json_rows
    checked = False
    try:
        with _Lines(root / file.path, limit) as source:
            for line, row in rows(source):
                if isinstance(row, str):
                    yield Problem(file.path, line, row)
                    continue
                if not checked:
                    _require_fields(root / file.path, line, row, settings)
                    checked = True
                try:
                    yield _record(line, row, settings, source.read)
                except ValueError as error:
                    yield Problem(file.path, line, str(error))
    except OSError as error:
        yield Problem(file.path, None, f"{UNREADABLE}{error.strerror}")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    problem: str = ""


class _Lines:
    """The lines of a file, each with its line feed; lines beyond the limit are skipped."""

    def __init__(self, path: Path, limit: int) -> None:
        self.limit = limit
        self._stream = path.open("rb")
        self._number = 0
        self.read = 0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[_Line]:
        while data := self._stream.readline(self.limit + 1):
            self._number += 1
            self.read += len(data)
            if len(data) > self.limit and not data.endswith(b"\n"):
                del data
                self._skip()
                yield _Line(self._number, "\n", f"is longer than {self.limit >> 20} MiB")
                continue
            if self._number == 1:
                data = data.removeprefix(codecs.BOM_UTF8)
            try:
                line = _Line(self._number, data.decode())
            except UnicodeDecodeError as error:
                reason = (
                    f"byte {error.start + 1} of the line, 0x{data[error.start]:02X}, is not UTF-8"
                )
                line = _Line(self._number, data.decode(errors="replace"), reason)
            yield line

    def _skip(self) -> None:
        while data := self._stream.readline(_SKIP):
            self.read += len(data)
            if data.endswith(b"\n"):
                return


_Row = dict[str, Any] | str
"""The fields of a record, or the reason why it cannot be read."""


def _json_rows(source: _Lines) -> Iterator[tuple[int, _Row]]:
    for line in source:
        if line.problem:
            yield line.number, line.problem
        elif line.text.strip():
            yield line.number, _parsed(line.text)


def _parsed(text: str) -> _Row:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return fields if isinstance(fields, dict) else "not a JSON object"


def _csv_rows(source: _Lines) -> Iterator[tuple[int, _Row]]:
    records = _csv_records(source)
    for line, header in records:
        if isinstance(header, str):
            yield line, header
            return
        for number, cells in records:
            if isinstance(cells, str):
                yield number, cells
            elif len(cells) == len(header):
                yield number, dict(zip(header, cells, strict=True))
            else:
                yield number, f"has {len(cells)} fields, and the header {len(header)}"


def _csv_records(source: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """The cells of every non-empty record, or the reason why it cannot be read."""
    feed = _Feed(source)
    # The limit applies to the whole process; the module offers no other way.
    csv.field_size_limit(source.limit)
    reader = csv.reader(feed, strict=True)
    while True:
        feed.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield feed.first, f"not CSV: {error}"
            # A stray quote swallows all lines up to the next quote; those are parsed again.
            feed.back_to_second_line()
            continue
        if feed.problem:
            yield feed.first, feed.problem
        elif cells:
            yield feed.first, cells


class _Feed:
    """Feeds lines to the CSV reader, and keeps those of the present record."""

    def __init__(self, source: _Lines) -> None:
        self._lines = iter(source)
        self._again = deque[_Line]()
        self.begin_record()

    def begin_record(self) -> None:
        self.first, self.problem = 0, ""
        self._taken: list[_Line] = []

    def back_to_second_line(self) -> None:
        """Feed all lines of the record but the first again."""
        self._again.extendleft(reversed(self._taken[1:]))

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        self.first = self.first or line.number
        self.problem = self.problem or line.problem
        return line.text.removesuffix("\r\n") + "\n" if line.text.endswith("\r\n") else line.text


def _require_fields(path: Path, line: int, row: dict[str, Any], settings: TextSettings) -> None:
    wanted = {"text_field": settings.text_field}
    if settings.label_field != USUAL_LABEL:
        wanted["label_field"] = settings.label_field
    for setting, name in wanted.items():
        if name not in row:
            raise DataError(
                f"The first record of '{path}' (line {line}) has no field '{name}'.",
                why="its fields are: " + (", ".join(map(str, row)) or "none"),
                hint=f"{suggest(name, map(str, row))} Set medium.{setting} to the right one.",
            )


def _record(line: int, row: dict[str, Any], settings: TextSettings, read: int) -> Record:
    text = row.get(settings.text_field)
    if not isinstance(text, str):
        missing = settings.text_field not in row
        raise ValueError(f"'{settings.text_field}' is {'missing' if missing else 'not a string'}")
    if not text.strip():
        raise ValueError(f"'{settings.text_field}' is empty")
    _require_unicode(text, settings.text_field)
    label = _label(row.get(settings.label_field), settings.label_field)
    held_out = row.get("split")
    side = _HELD_OUT.get(held_out.strip().lower()) if isinstance(held_out, str) else None
    return Record(line, text, label, side, read)


def _label(value: object, field: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"'{field}' is not a string")
    _require_unicode(str(value), field)
    return str(value).strip() or None


def _require_unicode(text: str, field: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ord(text[error.start])
        raise ValueError(f"'{field}' holds half of a character, U+{half:04X}") from error
