from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.reading.elements import NotJSON, elements_of


def read(text: str, chunk: int = 1 << 16, limit: int = 1000) -> list[Any]:
    data = text.encode()
    chunks = (data[at : at + chunk] for at in range(0, len(data), chunk))
    return [element.value for element in elements_of(chunks, limit)]


VALUES = st.recursive(
    st.none() | st.integers() | st.text('aé"\\ []{},:', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner),
    max_leaves=8,
)


@given(
    values=st.lists(VALUES, max_size=5), chunk=st.integers(1, 9), indent=st.sampled_from([None, 1])
)
def test_arrays_are_read_in_any_chunks(values: list[Any], chunk: int, indent: int | None) -> None:
    assert read(json.dumps(values, indent=indent, ensure_ascii=False), chunk) == values


@pytest.mark.parametrize("chunk", [1, 5, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "data": [{"x": 1}, {"x": 2}], "b": [3]}', [{"x": 1}, {"x": 2}]),
        ('{"a": [{"x": 1}], "c": 4, "b": [ {"x": 2} ]}', [{"x": 1}, {"x": 2}]),
        ('{"x": 1}\n{"x": 2}\n', [{"x": 1}, {"x": 2}]),
        ('{"x": 1}{"a": [{"x": 2}]}', [{"x": 1}, {"x": 2}]),
        ('{"names": ["a"], "data": [{"x": 1}]}', [{"x": 1}]),
        ('{"data": []}', [{"data": []}]),
        ('{"a": {"data": [{"x": 1}]}}', [{"a": {"data": [{"x": 1}]}}]),
        ("  \n[ ]", []),
        ("", []),
        ("[12345]", [12345]),
    ],
)
def test_objects(text: str, expected: list[Any], chunk: int) -> None:
    assert read(text, chunk) == expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("12", 1, "neither an array"), ('"text"', 1, "neither an array"), ("x", 1, "neither"),
        ("[1,\n2\n3]", 3, "',' expected"), ("[1,]", 1, "not JSON"), ("[1, 2", 1, "',' expected"),
        ("{1: 2}", 1, "name of a field"), ('{"a" 1}', 1, "':' expected"), ("[{]", 1, "not JSON"),
        ("[" * 100_000, 1, "larger|deeply"), ("[1] 2", 1, "more behind"),
        ('{"x": 1} 2', 1, "neither"),
         ('["' + "x" * 5000 + '"]', 1, "larger than"),
    ],
)  # fmt: skip
def test_what_is_no_json(text: str, line: int, words: str) -> None:
    with pytest.raises(NotJSON, match=words) as told:
        read(text)
    assert told.value.line == line


def test_lines_are_counted() -> None:
    found = list(elements_of([b'[\n1,\n\n{"a":', b"\n2},\n 3]"], 1000))
    assert [element.line for element in found] == [2, 4, 6]


def test_arrays_have_the_names_of_their_fields() -> None:
    found = list(elements_of([b'{"train": [{"x": 1}], "test": [{"x": 2}]}'], 1000))
    assert [element.name for element in found] == ["train", "test"]
    assert [element.name for element in elements_of([b"[1]"], 1000)] == [None]


def test_a_large_array_takes_little_memory() -> None:
    record = json.dumps({"text": "x" * 200}).encode()
    chunks = _chunks(record)
    tracemalloc.start()
    try:
        assert sum(1 for _ in elements_of(chunks, 1 << 20)) == 40_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def _chunks(record: bytes) -> Any:
    yield b"[" + record
    for _ in range(39_999):
        yield b"," + record
    yield b"]"


def test_endless_white_space_is_given_up_unread() -> None:
    read = []

    def chunks() -> Iterator[bytes]:
        yield b"[1,"
        while len(read) < 10_000:
            read.append(1)
            yield b" " * 1000

    with pytest.raises(NotJSON, match="larger than 5,000"):
        list(elements_of(chunks(), 5000))
    assert len(read) < 20
