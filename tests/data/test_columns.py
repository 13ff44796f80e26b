"""The columns of metadata files as fields of items."""

from __future__ import annotations

import json
import math
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from sfumato.data.metadata import Notes

NAMED = {"file_name": "1.png"}


def notes_of(root: Path, *records: dict[str, Any]) -> Notes:
    text = "".join(json.dumps(NAMED | one) + "\n" for one in records)
    return read(root, "metadata.jsonl", text)


def read(root: Path, name: str, text: str) -> Notes:
    (root / name).write_text(text, encoding="utf-8")
    notes = Notes(root)
    notes.read(name)
    return notes


def problems(notes: Notes) -> list[tuple[str, str]]:
    return [tuple(problem) for problem in notes.problems]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cat", "cat"),
        (" a b \n", "a b"),
        ("\U0001f600", "\U0001f600"),
        (unicodedata.normalize("NFD", "K\u00e4fer"), "K\u00e4fer"),
        ("\ud800", "\ufffd\ufffd\ufffd"),
        ("x" * 500, "x" * 500),
        (0, 0),
        (-1.5, -1.5),
        (1.0, 1.0),
        (2**70 + 1, 2**70 + 1),
        (5e-324, 5e-324),
        (True, "true"),
        (False, "false"),
    ],
)
def test_values(tmp_path: Path, value: object, expected: object) -> None:
    notes = notes_of(tmp_path, {"species": value})
    assert notes.of("1.png").fields == {"species": expected}
    assert type(notes.of("1.png").fields["species"]) is type(expected)
    assert problems(notes) == []


@pytest.mark.parametrize("value", [None, "", "  ", math.nan, [], ["a"], [1, 2], {}, {"a": 1}])
def test_what_is_no_value(tmp_path: Path, value: object) -> None:
    notes = notes_of(tmp_path, {"species": value})
    assert notes.of("1.png").fields is None
    assert problems(notes) == []


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "1e999", "9" * 400])
def test_values_that_are_not_finite(tmp_path: Path, value: str) -> None:
    line = f'{{"file_name": "1.png", "x": {value}, "y": 1}}\n{{"file_name": "2.png", "x": 2}}'
    notes = read(tmp_path, "metadata.jsonl", line)
    assert notes.of("1.png").fields == {"y": 1} and notes.of("2.png").fields == {"x": 2}
    reason = "'x' is not finite and is not used (1 line)"
    assert problems(notes) == [("metadata.jsonl:1", reason)]


def test_long_values_are_cut_and_reported_once(tmp_path: Path) -> None:
    lines = [{"file_name": f"{number}.png", "notes": "x" * 100_000} for number in range(3)]
    notes = notes_of(tmp_path, {"notes": "short"}, {}, *lines[2:], {"file_name": "3.png"}, *lines)
    assert notes.of("2.png").fields == {"notes": "x" * 500}
    assert notes.of("1.png").fields == {"notes": "short"}
    assert ("metadata.jsonl:3", "'notes' is cut to its first 500 characters (2 lines)") in problems(
        notes
    )


def test_columns_with_a_meaning_are_left_out(tmp_path: Path) -> None:
    record = {
        "image": "sketch.png",
        "split": "train",
        "group": "g",
        "text": "a kite",
        "caption": "a red kite",
        "label": "kite",
        "Category": 3,
        "Gr\u00f6\u00dfe": 2,
    }
    note = notes_of(tmp_path, record).of("1.png")
    # The label is a column like others, so that a run can name it.
    assert note.fields == {
        "image": "sketch.png",
        "caption": "a red kite",
        "label": "kite",
        "category": 3,
        "gr\u00f6\u00dfe": 2,
    }
    assert (note.label, note.caption, note.group) == ("kite", "a kite", "g")


def test_the_caption_is_the_column_that_was_used(tmp_path: Path) -> None:
    notes = notes_of(tmp_path, {"text": "", "prompt": ["a", "b"], "description": "c"})
    assert notes.of("1.png").fields == {"description": "c"}
    assert notes.of("1.png").caption == "a\nb"


@pytest.mark.parametrize(("name", "tab"), [("metadata.csv", ";"), ("metadata.tsv", "\t")])
def test_tables(tmp_path: Path, name: str, tab: str) -> None:
    rows = [["file_name", "Year", "", "Note"], ["1.png", "1990", "x", ""], ["2.png", "", "", "new"]]
    notes = read(tmp_path, name, "\n".join(map(tab.join, rows)))
    assert notes.of("1.png").fields == {"year": "1990"}
    assert notes.of("2.png").fields == {"note": "new"}
    assert problems(notes) == []


def test_more_columns_than_are_used(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(50)]
    first = dict.fromkeys(names[:10], 1)
    notes = notes_of(tmp_path, first, {"file_name": "2.png", **dict.fromkeys(names, 2)})
    assert notes.of("1.png").fields == first
    assert notes.of("2.png").fields == dict.fromkeys(names[:32], 2)
    shown = ", ".join(f"'{name}'" for name in names[32:40])
    reason = f"is read up to its column 32; left out: {shown}, ..."
    assert problems(notes) == [("metadata.jsonl", reason)]


def test_the_33rd_column(tmp_path: Path) -> None:
    header = ",".join(["file_name", *(f"c{number}" for number in range(33))])
    notes = read(tmp_path, "metadata.csv", f"{header}\n1.png{',x' * 33}\n2.png{',x' * 33}\n")
    assert len(notes.of("2.png").fields or ()) == 32
    assert problems(notes) == [
        ("metadata.csv", "is read up to its column 32; left out: 'c32'"),
    ]


def test_empty_columns_take_no_place(tmp_path: Path) -> None:
    empty = {f"e{number}": None for number in range(100)}
    assert notes_of(tmp_path, {**empty, "x": 1}).of("1.png").fields == {"x": 1}


def test_huge_names_are_left_out(tmp_path: Path) -> None:
    notes = notes_of(tmp_path, {"n" * 100_000: 1, "x": 2})
    assert notes.of("1.png").fields == {"x": 2}
    [(_, reason)] = problems(notes)
    assert len(reason) < 200


def test_columns_that_are_there_twice(tmp_path: Path) -> None:
    notes = read(tmp_path, "metadata.csv", "file_name,a,A,label,Label\n1.png,1,2,x,y\n")
    assert notes.of("1.png").fields == {"a": "2", "label": "y"}
    assert notes.of("1.png").label == "y"
    reason = "has several columns 'a', 'label'; the last of each is used"
    assert problems(notes) == [("metadata.csv", reason)]


def test_fields_that_differ_in_case_alone(tmp_path: Path) -> None:
    notes = notes_of(tmp_path, {"a": 1, "A": 2}, {"file_name": "2.png", "a": 1, "A": 2})
    assert notes.of("2.png").fields == {"a": 2}
    reason = "'a' is there twice, and the last one is used (2 lines)"
    assert problems(notes) == [("metadata.jsonl:1", reason)]


def test_what_is_wrong_with_a_label_is_reported_once(tmp_path: Path) -> None:
    notes = notes_of(tmp_path, {"label": "x" * 501, "class": "a"})
    assert [path for path, _ in problems(notes)] == ["metadata.jsonl:1"]
    assert notes.of("1.png").fields == {"class": "a"}


def test_many_problems_take_few_lines(tmp_path: Path) -> None:
    lines = [
        {"file_name": f"{number}.png", "x": math.inf, "text": ["a"] * 65, "label": ["a", "b"]}
        for number in range(500)
    ]
    notes = notes_of(tmp_path, *lines)
    assert len(notes.problems) == 3
    assert all("(500 lines)" in problem.reason for problem in notes.problems)


def test_time_grows_with_the_number_of_lines(tmp_path: Path) -> None:
    seconds = []
    for count in (500, 1000):
        lines = [{"file_name": f"{line}.png", f"n{line}": 1, "x": line} for line in range(count)]
        begin = time.process_time()
        assert notes_of(tmp_path, *lines).of("9.png").fields == {"n9": 1, "x": 9}
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 4 * seconds[0] + 0.05
