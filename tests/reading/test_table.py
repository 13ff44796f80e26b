"""The tables of spreadsheets, against the module ``csv`` where that is right."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.reading.lines import Line
from sfumato.reading.table import Table
from tests.growth import require_linear

Found = list[tuple[int, list[str] | str]]


def read(text: str, limit: int = 10_000, wanted: tuple[str, ...] = ("text",)) -> Found:
    lines = (Line(number, line) for number, line in enumerate(text.split("\n"), start=1))
    return list(Table(lines, limit, wanted).records())


CELLS = st.lists(st.text('ab", \n;', max_size=5), min_size=2, max_size=2)


@given(rows=st.lists(CELLS, max_size=6))
def test_what_is_written_is_read(rows: list[list[str]]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["text", "other"], *rows])
    assert [cells for _, cells in read(buffer.getvalue())] == [["text", "other"], *rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text\n\n \na", [(1, ["text"]), (4, ["a"])]),
        ('text,b\n"x" y,1\nc,2', [(1, ["text", "b"]), (2, "not CSV: ',' expected after '\"'"),
                                   (3, ["c", "2"])]),
        ("text,b\na,1,2\nc", [(1, ["text", "b"]), (2, "has 3 fields, and the header 2"),
                               (3, ["c", ""])]),
        ('"te\nxt",b\n1,2', [(1, ["te\nxt", "b"]), (3, ["1", "2"])]),
        ("SEP=|\ntext|b\n1|2", [(2, ["text", "b"]), (3, ["1", "2"])]),
        ("sep=;;\n1", [(1, ["sep=", "", ""]), (2, ["1", "", ""])]),
        ("text;b;;\na;1;;\n;;;\nc;2;;\n", [(1, ["text", "b", "", ""]), (2, ["a", "1", "", ""]),
                                        (4, ["c", "2", "", ""])]),
        ("text,b\na,1,,\n,,", [(1, ["text", "b"]), (2, ["a", "1"])]),
        ("", []),
        ("\n\n", []),
        ('"never\nclosed', [(1, "not CSV: a quote is not closed")]),
    ],
)  # fmt: skip
def test_records(text: str, expected: Found) -> None:
    assert read(text) == expected


def test_one_quote_that_is_not_closed_costs_one_line() -> None:
    rows = [f"row {number},x" for number in range(200)]
    rows[20] = '"row 20,x'
    rows[150] = 'row 150,"a quoted\nfield"'
    found = read("text,label\n" + "\n".join(rows))
    bad = [number for number, cells in found if isinstance(cells, str)]
    assert bad == [22]
    assert len(found) == 201


def test_a_quote_that_takes_other_records_in_is_found_by_the_number_of_fields() -> None:
    """The next quote closes it, with another number of fields than the header has."""
    found = read('text,label\n"open,1\ngood,2\nalso good,3\ninches 5",x,4\nlast,5')
    good = [cells[0] for _, cells in found if not isinstance(cells, str)]
    assert good == ["text", "good", "also good", "last"]


def test_a_record_beyond_the_limit_does_not_end_the_table() -> None:
    found = read('text\n"open\n' + "x" * 60 + "\n" + "y" * 60 + "\nend", limit=100)
    assert found[1][1] == "not CSV: field larger than 100 characters: a quote is not closed"
    assert [cells for _, cells in found][2:] == [["x" * 60], ["y" * 60], ["end"]]


def test_a_record_in_reach_of_the_limit_is_read_after_one_that_is_not() -> None:
    text = 'text\n"' + "o" * 80 + "\nx\n" + '"begun\n' + "y" * 30 + '\nend"\nlast'
    found = read(text, limit=100)
    assert [cells for _, cells in found if not isinstance(cells, str)][-1] == ["last"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_that_of_the_wanted_columns(separator: str) -> None:
    header = separator.join(["id, or so; number|tag", "text", "label"])
    lines = [Line(1, header.replace(separator, separator))]
    assert Table(lines, 1000, ("text", "label")).separator == separator


@pytest.mark.parametrize("line", ['x","', '"', 'a,"b', '"a""', '""', 'x","y'])
def test_the_time_is_linear_in_the_number_of_lines(line: str) -> None:
    def work_of(count: int) -> Callable[[], object]:
        lines = [Line(1, "text,label"), *(Line(number + 2, line) for number in range(count))]
        return lambda: list(Table(lines, 1 << 24, ("text",)).records())

    require_linear(work_of, 5000)
