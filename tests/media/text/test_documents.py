from __future__ import annotations

import json
from pathlib import Path

import pytest

from sfumato.errors import DataError
from sfumato.media.text.documents import Document, Problem, read_documents
from sfumato.media.text.settings import TextSettings


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return root


def documents(source: Path, **settings: object) -> list[Document]:
    found = list(read_documents(source, TextSettings.model_validate(settings)))
    assert not [one for one in found if isinstance(one, Problem)]
    return [one for one in found if isinstance(one, Document)]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("auto", [("a.txt", "\none\ntwo\n \n\nthree \n")]),
        ("file", [("a.txt", "\none\ntwo\n \n\nthree \n")]),
        ("paragraph", [("a.txt:2", "one\ntwo"), ("a.txt:6", "three ")]),
        ("line", [("a.txt:2", "one"), ("a.txt:3", "two"), ("a.txt:6", "three ")]),
    ],
)
def test_how_a_file_is_divided(tmp_path: Path, split: str, expected: list[tuple[str, str]]) -> None:
    write(tmp_path, a_txt="\r\none\r\ntwo\r\n \r\n\r\nthree \r\n")
    found = documents(tmp_path / "a.txt", split=split)
    assert [(document.name, document.text) for document in found] == expected


def test_a_folder_of_all_kinds(tmp_path: Path) -> None:
    write(
        tmp_path,
        a__one_txt="first",
        a__two_md="second",
        b__three_jsonl=json.dumps({"text": "third", "label": "own", "split": "test"}),
        b__four_csv="text,n\nfourth,1\n",
    )
    found = documents(tmp_path)
    assert [(one.name, one.text, one.label, one.held_out) for one in found] == [
        ("a/one.txt", "first", "a", None),
        ("a/two.md", "second", "a", None),
        ("b/four.csv:2", "fourth", "b", None),
        ("b/three.jsonl:1", "third", "own", True),
    ]
    sizes = [5, 6, 16, (tmp_path / "b/three.jsonl").stat().st_size]
    assert [one.read for one in found] == [sum(sizes[: k + 1]) for k in range(4)]


def test_problems_come_between_documents(tmp_path: Path) -> None:
    write(tmp_path, a_txt="good", b_txt=" ", c_jsonl="", d_jsonl='{"text": "x"}\nbad\n')
    (tmp_path / "link.txt").symlink_to("/nowhere/at/all")
    found = list(read_documents(tmp_path, TextSettings()))
    assert [one.name for one in found if isinstance(one, Document)] == ["a.txt", "d.jsonl:1"]
    assert [(one.path, one.line) for one in found if isinstance(one, Problem)] == [
        ("link.txt", None),
        ("b.txt", None),
        ("c.jsonl", None),
        ("d.jsonl", 2),
    ]


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", ""), ("a.jsonl", "\n \n"), ("a.csv", ""), ("a.csv", "text\n")]
)
def test_a_file_without_records_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = list(read_documents(tmp_path, TextSettings()))
    assert found == [Problem(name, None, "holds no records")]


def test_the_source_is_looked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_documents(tmp_path / "nothing.txt", TextSettings())
