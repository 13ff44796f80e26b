"""The records of a file as fields by name: lines of JSON objects, and tables with a header."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sfumato.reading.lines import Line
from sfumato.reading.table import Table

Row = dict[str, Any] | str
"""The fields of a record, or the reason why it cannot be read."""


def rows_of_lines(lines: Iterable[Line]) -> Iterator[tuple[int, Row]]:
    """The records of lines with one JSON object each; empty lines are skipped.

    Yields:
        The number of each line, and its record.
    """
    for line in lines:
        if line.problem:
            yield line.number, line.problem
        elif line.text.strip():
            yield line.number, _parsed(line.text)


def rows_of_table(
    table: Table, refusal: Callable[[Sequence[str]], str]
) -> Iterator[tuple[int, Row]]:
    """The records of a table by the names of its columns.

    Args:
        table: The table.
        refusal: Why a table with these columns cannot be used; empty if it can.

    Yields:
        The number of the first line of each record, and the record; nothing more after the header
        if that cannot be used.
    """
    header: list[str] | None = None
    for line, cells in table.records():
        if isinstance(cells, str):
            yield line, cells
        elif header is None:
            header = [cell.strip() for cell in cells]
            if reason := refusal(header):
                yield line, reason
                return
        else:
            yield line, dict(zip(header, cells, strict=True))


def _parsed(text: str) -> Row:
    try:
        fields = json.loads(text)
    except RecursionError:
        return "not JSON: nested too deeply"
    except ValueError as error:
        place = f", at character {error.pos + 1} of the line" if hasattr(error, "pos") else ""
        return f"not JSON: {json_reason(error)}{place}"
    return fields if isinstance(fields, dict) else "not a JSON object"


def json_reason(error: ValueError) -> str:
    """What the package says that is wrong with some JSON, without the place."""
    if not isinstance(error, json.JSONDecodeError):
        return "a number has too many digits"
    return "there is more behind the value" if error.msg == "Extra data" else error.msg
