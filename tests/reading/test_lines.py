from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.reading.lines import lines_of


def read(data: bytes, chunk: int, limit: int = 1000) -> list[tuple[int, str, str]]:
    chunks = (data[at : at + chunk] for at in range(0, len(data), chunk))
    return [(line.number, line.text, line.problem) for line in lines_of(chunks, limit)]


@given(
    parts=st.lists(st.sampled_from(["a", "é", "\n", "\r", "\r\n", "\u2028", "\x0b"])),
    chunk=st.integers(1, 9),
)
def test_lines_end_in_any_of_the_usual_ways(parts: list[str], chunk: int) -> None:
    text = "".join(parts)
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not expected[-1]:
        expected.pop()
    found = read(text.encode(), chunk)
    assert found == [(number, line, "") for number, line in enumerate(expected, start=1)]


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n", b""])
@pytest.mark.parametrize("chunk", [3, 1000])
def test_a_line_of_the_limit_is_read_and_a_longer_one_is_not(ending: bytes, chunk: int) -> None:
    for size in (9, 10, 11, 500):
        [line, *rest] = read(b"x" * size + ending + b"", chunk, limit=10)
        assert rest == []
        expected = (1, "", "is longer than 10 bytes") if size > 10 else (1, "x" * size, "")
        assert line == expected


def test_bytes_that_are_not_utf_8_are_named() -> None:
    [good, bad] = read(b"good\ncaf\xe9\n", 4)
    assert good == (1, "good", "")
    assert bad == (2, "caf\ufffd", "byte 4 of the line, 0xE9, is not UTF-8")
