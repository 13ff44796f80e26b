from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.media.text.files import Problem, find_texts
from sfumato.media.text.records import Record, read_records
from sfumato.media.text.settings import TextSettings
from tests.growth import require_linear

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
        + line(text="d", label=" ", split="")
        + json.dumps({"text": "e\u2028f", "label": None})
    )
    records, problems = read(tmp_path / "a.jsonl", data)
    assert problems == {}
    assert [record[:4] for record in records] == [
        (1, " a\nb ", "x", False),
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
        2: (b"{not json", "not JSON: Expecting property name enclosed in double quotes, at "),
        3: (b'["a", "list"]', "not a JSON object"),
        4: (b"[" * 100_000, "not JSON: nested too deeply"),
        5: (b'{"text": "caf\xe9"}', "byte 14 of the line, 0xE9, is not UTF-8"),
        6: (b'{"label": "x"}', "'text' is missing"),
        7: (b'{"text": 5}', "'text' is not a string"),
        8: (b'{"text": " \\n"}', "'text' is empty"),
        9: (b'["x"]', "not a JSON object"),
        10: (b"12", "not a JSON object"),
        11: (b'{"text": "a\\ud800"}', "'text' holds half of a character, U+D800"),
        12: (b'{"text": {"a": 1}}', "'text' is not a string"),
        13: (b"\xff\xfe", "byte 1 of the line, 0xFF, is not UTF-8"),
        14: (b'{"text": "a"},', "not JSON: there is more behind the value, at character 14 of the"),
        15: (b'{"text": ' + b"1" * 9999 + b"}", "not JSON: a number has too many digits"),
    }
    data = b'{"text": "first"}\n' + b"\n".join(one for one, _ in bad.values()) + b'\n{"text":"z"}'
    records, problems = read(tmp_path / "a.jsonl", data)
    assert [(record.line, record.text) for record in records] == [(1, "first"), (16, "z")]
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
        b"text,label\ng\xc3\xbct,1\ntoo,many,fields\ncaf\xe9,2\n,3\nfew\n"
        b'"two\nlines \xff",4\nlast,5\n"never closed,6\n'
    )
    records, problems = read(tmp_path / "a.csv", data)
    assert [(record.line, record.text) for record in records] == [
        (2, "güt"),
        (6, "few"),
        (9, "last"),
    ]
    assert problems == {
        3: "has 3 fields, and the header 2",
        4: "byte 4 of the line, 0xE9, is not UTF-8",
        5: "'text' is empty",
        7: "byte 7 of the line, 0xFF, is not UTF-8",
        10: "not CSV: a quote is not closed",
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


@pytest.mark.parametrize("value", ["first", None, 5, {"a": 1}])
def test_a_record_without_the_field_does_not_stop_the_file(tmp_path: Path, value: object) -> None:
    data = line(about=value) + line(text="one") + line(body="x") + line(text="two")
    records, problems = read(tmp_path / "a.jsonl", data)
    assert [record.text for record in records] == ["one", "two"]
    assert problems == {
        1: "'text' is missing; its fields are: about",
        3: "'text' is missing; its fields are: body",
    }


def test_a_table_without_the_column_names_those_there_are(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "a.csv", "file,author\n1.txt,me\n")
    assert records == []
    assert problems[1].startswith("has no column 'text'; its columns are: file, author")
    [record], _ = read(tmp_path / "a.csv", "body,kind\na,b\n", text_field="body")
    assert (record.text, record.label) == ("a", None)


def test_a_field_of_labels_is_missed_once_in_a_file(tmp_path: Path) -> None:
    data = line(text="a") + line(text="b") + line(text="c", kind="x")
    records, problems = read(tmp_path / "a.jsonl", data, label_field="kind")
    assert [record.label for record in records] == [None, None, "x"]
    assert problems == {1: "has no field 'kind' (medium.label_field); its fields are: text"}


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (3, "3"), (0.0, "0"), (2.0, "2"), (0.5, "0.5"), (True, "true"), (False, "false"),
        (None, None), ("", None), ([], None), (["x"], "x"), ([True], "true"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)  # fmt: skip
def test_names_of_classes(tmp_path: Path, value: object, label: str | None) -> None:
    [record], problems = read(tmp_path / "a.jsonl", line(text="a", label=value))
    assert (record.label, problems) == (label, {})


def test_of_several_labels_the_first_is_used(tmp_path: Path) -> None:
    data = line(text="a", label=["x", "y"]) + line(text="b", label=["y", "x"])
    records, problems = read(tmp_path / "a.jsonl", data)
    assert [record.label for record in records] == ["x", "y"]
    assert problems == {1: "'label' holds several labels, of which the first is used"}


@pytest.mark.parametrize("value", [{"a": 1}, [["x"]], "\udfff", "x" * 5000])
def test_labels_that_cannot_be_used_are_named(tmp_path: Path, value: object) -> None:
    [record], problems = read(tmp_path / "a.jsonl", line(text="a", label=value))
    assert record.label is None
    assert problems[1].startswith("'label' ")


def test_a_list_of_strings_is_one_text(tmp_path: Path) -> None:
    data = line(text=["one", "two"]) + line(text=[]) + line(text=["a", 1])
    records, problems = read(tmp_path / "a.jsonl", data)
    assert [record.text for record in records] == ["one\n\ntwo"]
    assert problems.keys() == {2, 3}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_file_in_another_encoding_is_named_once(tmp_path: Path, name: str) -> None:
    data = '{"text": "Привет, как дела у вас сегодня?"}\n'.encode("cp1251") * 50
    records, problems = read(tmp_path / name, data)
    assert records == []
    [reason] = problems.values()
    assert "medium.encoding" in reason and "UTF-16" in reason
    if name == "a.jsonl":
        records, problems = read(tmp_path / name, data, encoding="cp1251")
        assert len(records) == 50


def test_parts_that_are_not_known_are_named_once(tmp_path: Path) -> None:
    data = "".join(line(text="a", split=split) for split in ("exam", "exam", 1, "eval", "TRAIN "))
    records, problems = read(tmp_path / "a.jsonl", data)
    assert [record.held_out for record in records] == [None, None, None, True, False]
    assert problems.keys() == {1, 3}
    assert "'exam', which is not known" in problems[1]


def test_nested_and_joined_fields(tmp_path: Path) -> None:
    data = line(
        title="T", body="B", **{"a.b": "literal"}, message={"content": "C", "topic": {"name": "t"}},
        turns=[{"text": "first"}],
    ) + line(title="only")  # fmt: skip
    for field, expected in {
        "message.content": ["C"],
        "a.b": ["literal"],
        "turns.0.text": ["first"],
        "title+body": ["T\n\nB", "only"],
        "title+message.content": ["T\n\nC", "only"],
        "body+title": ["B\n\nT", "only"],
    }.items():
        records, _ = read(tmp_path / "a.jsonl", data, text_field=field)
        assert [record.text for record in records] == expected
    records, _ = read(tmp_path / "a.jsonl", data, text_field="title+body", joint=": ")
    assert records[0].text == "T: B"
    records, _ = read(tmp_path / "a.jsonl", data, text_field="title",
                      label_field="message.topic.name")  # fmt: skip
    assert records[0].label == "t"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"text": "a"}, {"text": "b"}]', ["a", "b"]),
        ('{"version": 1, "data": [{"text": "a"},\n {"text": "b"}]}', ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ('{"texts": ["a", "b"]}', ["a", "b"]),
        ('{"text": "a", "tags": ["x"]}', ["a"]),
        ("[]", []),
    ],
)
def test_arrays(tmp_path: Path, text: str, expected: list[str]) -> None:
    records, problems = read(tmp_path / "a.json", text)
    assert ([record.text for record in records], problems) == (expected, {})


def test_elements_on_one_line_have_names_of_their_own(tmp_path: Path) -> None:
    """Else all would be held out, or none."""
    records, problems = read(tmp_path / "a.json", '[{"text": "a"}, {"body": 1}, {"text": "c"}]')
    assert [record.line for record in records] == [1, 3]
    assert problems.keys() == {2}


def test_parts_in_one_file(tmp_path: Path) -> None:
    data = {"train": [{"text": "a"}, {"text": "b", "split": "test"}], "test": [{"text": "c"}]}
    records, _ = read(tmp_path / "a.json", json.dumps(data))
    assert [(record.text, record.held_out) for record in records] == [
        ("a", False), ("b", True), ("c", True),
    ]  # fmt: skip


def test_parts_of_strings(tmp_path: Path) -> None:
    text = '{"train": ["a", "b"], "validation": [], "test": ["c"]}'
    records, problems = read(tmp_path / "a.json", text)
    assert [(one.text, one.held_out) for one in records] == [
        ("a", False),
        ("b", False),
        ("c", True),
    ]
    assert not problems
    # Only a list is a part, and a record may have fields of such names.
    records, _ = read(tmp_path / "a.json", '{"test": "words", "train": "x"}', text_field="test")
    assert [one.text for one in records] == ["words"]


def test_two_columns_of_the_text_are_refused(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "a.csv", "text,text\na,b\n")
    assert not records
    assert problems == {1: "has 2 columns 'text': it is not clear which one is the text"}


def test_lines_of_objects_under_the_name_of_an_array(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "a.json", line(text="a") + line(text="b"))
    assert ([record.text for record in records], problems) == (["a", "b"], {})


def test_an_array_that_breaks_off_keeps_what_comes_before(tmp_path: Path) -> None:
    records, problems = read(tmp_path / "a.json", '[{"text": "a"},\n{"text": "b"}, {"te')
    assert [record.text for record in records] == ["a", "b"]
    assert problems.keys() == {2}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_tables_as_spreadsheets_write_them(
    tmp_path: Path, ending: str, separator: str, encoding: str
) -> None:
    rows = [("text", "label"), ("Grüße; a, b|c", "x"), ('"no", she said', "y"), ("two\nlines", "z")]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(
        rows
    )
    name = "a.tsv" if separator == "\t" else "a.csv"
    (tmp_path / name).write_bytes(buffer.getvalue().encode(encoding))
    found = find_texts(tmp_path / name)
    records = [
        one
        for one in read_records(found.root, found.files[0], TextSettings())
        if isinstance(one, Record)
    ]
    assert [(record.text, record.label) for record in records] == rows[1:]


def test_a_separator_that_is_stated(tmp_path: Path) -> None:
    records, _ = read(tmp_path / "a.csv", "sep=;\r\ntext;label\r\na,b;x\r\n")
    assert [(record.line, record.text) for record in records] == [(3, "a,b")]


def test_line_ends_in_json_are_no_carriage_returns(tmp_path: Path) -> None:
    data = b'{"text": "a\\r\\nb\\rc"}\r{"text": "d\xe2\x80\xa8e"}\r\n{"text": "f"}'
    records, problems = read(tmp_path / "a.jsonl", data)
    assert [record.text for record in records] == ["a\nb\nc", "d\u2028e", "f"]
    assert problems == {}


@pytest.mark.parametrize("opens", [True, False])
def test_the_repair_of_tables_is_linear(tmp_path: Path, opens: bool) -> None:
    """Lines that each open a quote which is never closed, or closed at once."""

    def work_of(count: int) -> Callable[[], object]:
        body = 'x","\n' * count if opens else ('"\n' * count + "a,b\n")
        return reading(tmp_path / f"{count}.csv", "text,label\nhello,a\n" + body)

    require_linear(work_of, 4000)


def test_large_arrays_are_read_in_linear_time(tmp_path: Path) -> None:
    require_linear(
        lambda count: reading(tmp_path / "a.json", json.dumps([{"text": "x" * 50}] * count)), 5000
    )


def reading(path: Path, text: str) -> Callable[[], object]:
    path.write_text(text)
    found = find_texts(path)
    return lambda: list(read_records(found.root, found.files[0], TextSettings()))


def test_a_file_that_went_away(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n")
    found = find_texts(tmp_path)
    (tmp_path / "a.csv").unlink()
    [problem] = read_records(found.root, found.files[0], TextSettings())
    assert isinstance(problem, Problem)
    assert problem.reason.startswith("cannot be read")
