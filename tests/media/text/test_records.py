from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from sfumato.errors import DataError
from sfumato.media.text.files import Problem, find_texts
from sfumato.media.text.records import Record, read_records
from sfumato.media.text.settings import TextSettings

MB = 1 << 20


def read(path: Path, data: bytes | str, **settings: object) -> tuple[list[Record], dict[int, str]]:
    """The records, and the reasons of problems by line."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    found = find_texts(path)
    all_of_it = list(
        read_records(found.root, found.files[0], TextSettings.model_validate(settings))
    )
    problems = [one for one in all_of_it if isinstance(one, Problem)]
    assert all(problem.path == path.name for problem in problems)
    reasons = {problem.line or 0: problem.reason for problem in problems}
    assert len(reasons) == len(problems)
    return [one for one in all_of_it if isinstance(one, Record)], reasons


def line(**fields: object) -> str:
    return json.dumps(fields) + "\n"


def test_jsonl_records(tmp_path: Path) -> None:
    data = (
        "\ufeff"
        + line(text=" a\r\nb ", label="x", split="train")
        + "\n \n"
        + line(text="c", label=3, split="Validation")
        + line(text="d", label=" ", split="other")
        + json.dumps({"text": "e\u2028f", "label": None})
    )
    records, problems = read(tmp_path / "a.jsonl", data)
    assert problems == {}
    assert [record[:4] for record in records] == [
        (1, " a\r\nb ", "x", False),
        (4, "c", "3", True),
        (5, "d", None, None),
        (6, "e\u2028f", None, None),
    ]
    assert records[-1].read == (tmp_path / "a.jsonl").stat().st_size


@pytest.mark.parametrize("split", ["test", "validation", "valid", "val", "dev", "held_out"])
def test_names_of_the_held_out_part(tmp_path: Path, split: str) -> None:
    [record], _ = read(tmp_path / "a.jsonl", line(text="a", split=split))
    assert record.held_out is True


def test_bad_jsonl_lines_are_named(tmp_path: Path) -> None:
    bad = {
        2: (b"{not json", "not JSON"),
        3: (b'["a", "list"]', "not a JSON object"),
        4: (b"[" * 100_000, "not JSON"),
        5: (b'{"text": "caf\xe9"}', "byte 14 of the line, 0xE9, is not UTF-8"),
        6: (b'{"label": "x"}', "'text' is missing"),
        7: (b'{"text": 5}', "'text' is not a string"),
        8: (b'{"text": " \\n"}', "'text' is empty"),
        9: (b'{"text": "a", "label": ["x"]}', "'label' is not a string"),
        10: (b'{"text": "a", "label": true}', "'label' is not a string"),
        11: (b'{"text": "a\\ud800"}', "'text' holds half of a character, U+D800"),
        12: (b'{"text": "a", "label": "\\udfff"}', "'label' holds half of a character, U+DFFF"),
        13: (b"\xff\xfe", "byte 1 of the line, 0xFF, is not UTF-8"),
    }
    data = b'{"text": "first"}\n' + b"\n".join(one for one, _ in bad.values()) + b'\n{"text":"z"}'
    records, problems = read(tmp_path / "a.jsonl", data)
    assert [(record.line, record.text) for record in records] == [(1, "first"), (14, "z")]
    assert problems.keys() == bad.keys()
    for number, (_, reason) in bad.items():
        assert problems[number].startswith(reason)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_huge_line_is_passed_over_unread(tmp_path: Path, name: str) -> None:
    before, after = ("text\none\n", "three\n") if name == "a.csv" else (
        line(text="one"), line(text="three"))  # fmt: skip
    with (tmp_path / name).open("wb") as file:
        file.write(before.encode())
        for _ in range(20):
            file.write(b"x" * MB)
        file.write(b"\n" + after.encode())
    found = find_texts(tmp_path / name)
    tracemalloc.start()
    try:
        first, problem, last = read_records(found.root, found.files[0], TextSettings(max_line_mb=1))
        assert tracemalloc.get_traced_memory()[1] < 8 * MB
    finally:
        tracemalloc.stop()
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert isinstance(problem, Problem)
    number = 3 if name == "a.csv" else 2
    assert (first.text, last.text, last.line) == ("one", "three", number + 1)
    assert (problem.line, problem.reason) == (number, "is longer than 1 MiB")
    assert last.read == found.size


def test_a_line_of_just_the_limit_is_read(tmp_path: Path) -> None:
    frame = len(line(text=""))
    texts = ["x" * (MB - frame + 1 + more) for more in (-1, 0, 1)]
    data = "".join(line(text=text) for text in texts)
    records, problems = read(tmp_path / "a.jsonl", data, max_line_mb=1)
    assert [record.text for record in records] == texts[:2]
    assert problems.keys() == {3}


def test_csv_records(tmp_path: Path) -> None:
    data = (
        '\ufefflabel,text,split\r\nx,"a ""quoted"" one, with\r\ntwo lines",train\r\n\r\n'
        "y,plain,test\r\n"
    )
    records, problems = read(tmp_path / "a.csv", data)
    assert problems == {}
    assert [record[:4] for record in records] == [
        (2, 'a "quoted" one, with\ntwo lines', "x", False),
        (5, "plain", "y", True),
    ]


def test_bad_csv_records_are_named(tmp_path: Path) -> None:
    data = (
        b"text,label\ngood,1\ntoo,many,fields\ncaf\xe9,2\n,3\nfew\n"
        b'"two\nlines \xff",4\nlast,5\n"never closed,6\n'
    )
    records, problems = read(tmp_path / "a.csv", data)
    assert [(record.line, record.text) for record in records] == [(2, "good"), (9, "last")]
    assert problems == {
        3: "has 3 fields, and the header 2",
        4: "byte 4 of the line, 0xE9, is not UTF-8",
        5: "'text' is empty",
        6: "has 1 fields, and the header 2",
        7: "byte 7 of the line, 0xFF, is not UTF-8",
        10: "not CSV: unexpected end of data",
    }


def test_a_stray_quote_costs_its_own_line_alone(tmp_path: Path) -> None:
    rows = [f"row {number}" for number in range(40)]
    rows[10], rows[30] = '"row 10', '"row 30" and more'
    records, problems = read(tmp_path / "a.csv", "text\n" + "\n".join(rows) + "\n")
    assert problems.keys() == {12, 32}
    assert [record.text for record in records] == [*rows[:10], *rows[11:30], *rows[31:]]
    assert [record.line for record in records[9:11]] == [11, 13]


def test_a_quote_that_is_never_closed_is_given_up(tmp_path: Path) -> None:
    row = b"x" * 99 + b"\n"
    data = b'text\ngood\n"open\n' + row * (3 * MB // len(row)) + b"end\n"
    records, problems = read(tmp_path / "a.csv", data, max_line_mb=1)
    assert problems[3].startswith("not CSV: field larger")
    assert (records[0].text, records[-1].text) == ("good", "end")


def test_a_header_that_cannot_be_read(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "a.csv", b"text,\xff\na,b\n")
    assert (records, list(problems)) == ([], [1])


def test_large_fields_of_csv(tmp_path: Path) -> None:
    text = "word " * 100_000
    [record], _ = read(tmp_path / "a.csv", f"text\n{text}\n")
    assert record.text == text


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.jsonl", "{bad\n" + line(body="a", kind="b")), ("a.csv", "\nbody,kind\na,b\n")],
)
def test_a_missing_field_names_those_there_are(tmp_path: Path, name: str, data: str) -> None:
    with pytest.raises(DataError, match="no field 'text'") as told:
        read(tmp_path / name, data)
    assert told.value.why == "its fields are: body, kind"
    assert "medium.text_field" in told.value.hint
    with pytest.raises(DataError, match="no field 'kinds'") as label:
        read(tmp_path / name, data, text_field="body", label_field="kinds")
    assert "did you mean 'kind'?" in label.value.hint
    assert "medium.label_field" in label.value.hint
    [record], _ = read(tmp_path / name, data, text_field="body", label_field="kind")
    assert (record.text, record.label) == ("a", "b")


def test_a_file_that_went_away(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n")
    found = find_texts(tmp_path)
    (tmp_path / "a.csv").unlink()
    [problem] = read_records(found.root, found.files[0], TextSettings())
    assert isinstance(problem, Problem)
    assert problem.reason.startswith("cannot be read")
