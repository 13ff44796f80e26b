"""CSV files as other programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfumato.data.tables import delimiter_of, encoding_of, encoding_of_start, read_table

ROWS = [("file_name", "label"), ("a.png", "Käfer"), ("b; c.png", "Fliege, groß")]


def csv_text(delimiter: str) -> str:
    return "".join(
        delimiter.join(f'"{cell}"' if set(cell) & set(",;\t") else cell for cell in row) + "\r\n"
        for row in ROWS
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)
def test_every_delimiter_and_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "metadata.csv"
    path.write_bytes(csv_text(delimiter).encode(encoding))
    expected = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]
    assert [cells for _, cells in read_table(path)] == expected


def test_a_stated_delimiter_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text("sep=;\n\nfile_name;label\n;\na.png;x\n\nb.png\nc.png;y;z\n")
    assert list(read_table(path)) == [
        (5, {"file_name": "a.png", "label": "x"}),
        (7, {"file_name": "b.png"}),
        (8, "has 3 cells, and the header 2"),
    ]


def test_encodings_by_their_start() -> None:
    assert encoding_of_start(b"") is None
    assert encoding_of_start("größer".encode()) is None
    assert encoding_of_start("größer".encode("utf-16-be")) == "utf-16-be"
    assert encoding_of_start("größer".encode("utf-32")) == "utf-32"


def test_a_letter_cut_at_the_end_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("groß".encode()[:-1])
    assert encoding_of(path) == "cp1252"


def test_delimiters() -> None:
    assert delimiter_of('"a;b;c",d') == ","
    assert delimiter_of("name") == ","
    assert delimiter_of("a\tb,c\td") == "\t"
    assert delimiter_of("sep=|\n") == "|"
    assert delimiter_of("a|b") == "|"


def test_an_open_quote_costs_time_in_proportion(tmp_path: Path) -> None:
    counts = []
    for size in (1 << 18, 1 << 19):
        path = tmp_path / "x.csv"
        path.write_text('file_name,label\n"' + "a,b\n" * size)
        counts.append(len(list(read_table(path))))
    assert counts[1] <= 2.5 * counts[0]
