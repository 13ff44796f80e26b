"""What metadata say of files, in the forms in which people write them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from sfumato.data.fields import class_name
from sfumato.data.metadata import Note, Notes


def notes_of(root: Path, *records: dict[str, Any], name: str = "metadata.jsonl") -> Notes:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    notes = Notes(root)
    notes.read(name)
    return notes


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("cat", "cat"),
        (" cat ", "cat"),
        (7, "7"),
        (-1, "-1"),
        (1.0, "1"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        (["cat"], "cat"),
        ([3.0], "3"),
        ([], None),
        ("", None),
        (None, None),
        (float("nan"), None),
        (unicodedata.normalize("NFD", "Käfer"), "Käfer"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_labels(tmp_path: Path, value: object, label: str | None) -> None:
    notes = notes_of(tmp_path, {"file_name": "1.png", "label": value})
    assert notes.of("1.png").label == label
    assert notes.problems == []
    assert not notes.labelled
    notes.find("1.png")
    assert notes.labelled == (label is not None)


@pytest.mark.parametrize(
    ("value", "label", "reason"),
    [
        (["cat", "dog"], "cat", "several labels, of which the first is used (1 line)"),
        ({"name": "cat"}, None, "is an object"),
        ([["cat"]], None, "is a list of lists"),
        (float("inf"), None, "is infinite"),
        ("\ud800", None, "not valid Unicode"),
        ("x" * 501, None, "has 501 characters"),
    ],
)
def test_labels_with_a_word(tmp_path: Path, value: object, label: str | None, reason: str) -> None:
    notes = notes_of(tmp_path, {"file_name": "1.png", "label": value, "text": "a text"})
    assert notes.of("1.png") == Note(label, "a text", None, None, "metadata.jsonl")
    [problem] = notes.problems
    assert problem.path == "metadata.jsonl:1" and reason in problem.reason


@pytest.mark.parametrize(
    "name",
    ["cats/1.png", "./cats/1.png", "cats\\1.png", ".\\cats\\1.png", "x/../cats/1.png",
     "cats//1.png", "{root}/cats/1.png"],
)  # fmt: skip
def test_names(tmp_path: Path, name: str) -> None:
    notes = notes_of(tmp_path, {"file_name": name.format(root=tmp_path), "label": "a"})
    assert notes.of("cats/1.png").label == "a"
    assert notes.problems == []


@pytest.mark.parametrize(
    "name",
    ["../1.png", "/etc/passwd", "C:\\data\\1.png", "C:/data/1.png", "a/../../1.png", "..", ".",
     "\\\\server\\share\\1.png", "a\0.png", "\ud800.png"],
)  # fmt: skip
def test_names_elsewhere(tmp_path: Path, name: str) -> None:
    notes = notes_of(tmp_path, {"file_name": name, "label": "a"})
    assert not notes
    [problem] = notes.problems
    assert "inside the folder" in problem.reason or "Unicode" in problem.reason
    problem.reason.encode()


def test_names_in_a_subfolder(tmp_path: Path) -> None:
    records = [{"file_name": "1.png", "label": "a"}, {"file_name": "../2.png", "label": "b"}]
    notes = notes_of(tmp_path, *records, name="sub/metadata.jsonl")
    assert notes.of("sub/1.png").label == "a"
    assert notes.of("2.png").label == "b"


def test_names_from_the_root_in_a_subfolder(tmp_path: Path) -> None:
    records = [{"file_name": "sub/1.png", "label": "a"}, {"file_name": "2.png", "label": "b"}]
    notes = notes_of(tmp_path, *records, name="sub/metadata.jsonl")
    paths = ["2.png", "sub/1.png", "sub/2.png"]
    for path in paths:
        notes.find(path)
    assert list(notes.missing(paths)) == []
    assert [notes.of(path).label for path in paths] == [None, "a", "b"]


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_composed_and_decomposed_names(tmp_path: Path, forms: tuple[Any, Any]) -> None:
    written, on_disk = (unicodedata.normalize(form, "Käfer.png") for form in forms)
    notes = notes_of(tmp_path, {"file_name": written, "label": "a"})
    notes.find(on_disk)
    assert notes.of(on_disk).label == "a"
    assert list(notes.missing([on_disk])) == []


def test_missing_files_and_names_in_another_case(tmp_path: Path) -> None:
    records = [{"file_name": name} for name in ("Cats/1.PNG", "gone.png", "2.png")]
    notes = notes_of(tmp_path, *records)
    notes.find("2.png")
    assert [tuple(one) for one in notes.missing(["2.png", "cats/1.png"])] == [
        ("Cats/1.PNG", "named in metadata.jsonl but not found; 'cats/1.png' differs in case"),
        ("gone.png", "named in metadata.jsonl but not found"),
    ]


def test_parts(tmp_path: Path) -> None:
    parts = ["train", "Test", "validation", "dev", "odd", "odd", None]
    records = [{"file_name": f"{n}.png", "split": part} for n, part in enumerate(parts)]
    notes = notes_of(tmp_path, *records)
    held_out = [notes.of(f"{number}.png").held_out for number in range(len(parts))]
    assert held_out == [False, True, True, True, None, None, None]
    [problem] = notes.problems
    assert "the split 'odd' of 2 files is unknown (test, " in problem.reason


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(
        "File_Name;Label;split;text\r\nK\u00e4fer.png;1.0;test;\u201ea\u201c\r\n;x\r\n".encode(
            "cp1252"
        )
    )
    notes = Notes(tmp_path)
    notes.read("metadata.csv")
    note = Note("1.0", "\u201ea\u201c", None, True, "metadata.csv", packed='{"label": "1.0"}')
    assert notes.of("K\u00e4fer.png") == note
    assert [tuple(problem) for problem in notes.problems] == [
        ("metadata.csv:3", "has no 'file_name'")
    ]


def test_a_table_without_names(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("id,label\n1,a\n2,b\n")
    notes = Notes(tmp_path)
    notes.read("metadata.csv")
    [problem] = notes.problems
    assert problem.reason == "has no column 'file_name'; its columns are 'id', 'label'"


def test_json_lines_in_utf16(tmp_path: Path) -> None:
    line = '{"file_name": "1.png", "label": "\u00e4"}\n'
    (tmp_path / "metadata.jsonl").write_bytes(line.encode("utf-16"))
    notes = Notes(tmp_path)
    notes.read("metadata.jsonl")
    assert notes.of("1.png").label == "\u00e4"


def test_bytes_that_are_no_text_spoil_their_line_alone(tmp_path: Path) -> None:
    lines = [b'{"file_name": "1.png", "label": "\xff"}', b'{"file_name": "2.png", "label": "b"}']
    (tmp_path / "metadata.jsonl").write_bytes(b"\n".join(lines))
    notes = Notes(tmp_path)
    notes.read("metadata.jsonl")
    assert notes.of("1.png").label is None and notes.of("2.png").label == "b"
    assert [problem.path for problem in notes.problems] == ["metadata.jsonl:1"]


def test_captions_and_groups_are_text(tmp_path: Path) -> None:
    long = notes_of(tmp_path, {"file_name": "1.png", "text": "long " * 200}).of("1.png").caption
    assert long is not None and len(long) == 999
    record = {"file_name": "1.png", "text": ["a \ud800", "b"], "group": 7}
    note = notes_of(tmp_path, record).of("1.png")
    assert note.caption == "a \ufffd\ufffd\ufffd\nb" and note.group == "7"


@pytest.mark.parametrize("field", ["split", "group", "text"])
@pytest.mark.parametrize(("value", "kind"), [({"a": 1}, "an object"), ([["a"]], "a list of lists")])
def test_fields_that_are_no_text_are_reported(
    tmp_path: Path, field: str, value: object, kind: str
) -> None:
    notes = notes_of(tmp_path, {"file_name": "1.png", field: value, "label": "cat"})
    assert notes.of("1.png") == Note("cat", source="metadata.jsonl", packed='{"label": "cat"}')
    assert [one.reason for one in notes.problems] == [f"'{field}' is {kind} and is not used"]


def test_names_without_their_suffix_are_reported_with_it(tmp_path: Path) -> None:
    notes = notes_of(tmp_path, {"file_name": "cats/1", "label": "cat"})
    (missing,) = notes.missing(["cats/1.png"])
    assert "'cats/1.png' has a suffix" in missing.reason


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").mkdir()
    notes = Notes(tmp_path)
    notes.read("metadata.jsonl")
    assert "cannot be read" in notes.problems[0].reason and notes.files == []


def test_class_names_of_large_numbers() -> None:
    assert class_name(1e300)[0] == str(int(1e300))
    assert class_name(10**30)[0] == str(10**30)
