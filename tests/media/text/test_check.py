from __future__ import annotations

import json
from pathlib import Path

import pytest

from sfumato.errors import DataError
from sfumato.media.text.check import check
from sfumato.media.text.library import Library
from sfumato.media.text.settings import TextSettings


def test_report(tmp_path: Path) -> None:
    records = [
        {"text": "hello\nthere", "label": "b", "split": "train"},
        {"text": "hello", "label": "a", "split": "train"},
        {"text": "hello", "label": "b", "split": "train"},
        {"text": "x" * 20, "label": "b", "split": "train"},
        {"text": "halloé", "label": "a", "split": "test"},
        {"text": "", "label": "a"},
    ]
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(map(json.dumps, records)))
    settings = TextSettings(context=8)
    seen: list[tuple[int, ...]] = []
    report = check(source, settings, 0.0, tmp_path / "cache", seen.append)
    told = json.loads(json.dumps(report.to_json()))
    assert seen[-1][2:] == (5, 1)
    assert told["source"] == str(source)
    assert told["settings"]["context"] == 8
    assert (told["documents"], told["held_out"]) == (5, 1)
    assert told["held_out_share"] == pytest.approx(6 / 47)
    assert told["tokens"] == told["survey"]["characters"] == 11 + 5 + 5 + 20 + 6
    # h e l o \n t r x, and the unknown; "a" and "é" are met in the held-out text alone.
    assert told["vocabulary"] == 9
    assert told["unknown"] == 2
    assert told["survey"]["distinct"] == 10
    assert told["survey"]["rarest"][0][1] == 1
    assert (told["survey"]["least"], told["survey"]["median"], told["survey"]["most"]) == (5, 6, 20)
    assert told["survey"]["longest_line"] == 20
    assert told["survey"]["longest_line_at"] == "a.jsonl:4, line 1"
    # Two windows and three; the two short ones have different labels.
    assert told["rows"] == 2 + 3 + 2
    assert told["labels"] == {"a": 2, "b": 3}
    assert told["duplicates"] == [["a.jsonl:3", "a.jsonl:2"]]
    assert told["duplicate_count"] == 1
    assert told["problems"] == [{"path": "a.jsonl", "line": 6, "reason": "'text' is empty"}]
    assert told["problem_count"] == 1
    assert ["a.jsonl:1", "hello\nthere"] in told["survey"]["beginnings"]


def table_of(source: Path, cache: Path, **settings: object) -> dict[str, str]:
    how = TextSettings.model_validate({"context": 8, **settings})
    return dict(check(source, how, 0.0, cache, hints={".pdf": "save it as .txt"}).table())


def test_rows_about_what_is_used_and_what_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    records = [
        {"text": "same", "split": "train", "label": "a"},
        {"text": "a longer text than a row", "split": "train"},
        {"text": "same", "split": "test"},
        {"body": "x"},
    ]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    (folder / "b.csv").write_bytes("text;label\none;b\n".encode("utf-16"))
    (folder / "c.pdf").touch()
    rows = table_of(folder, tmp_path / "cache")
    assert rows["texts"] == "4, of them held out 1"
    assert rows["read as"] == "1 file in UTF-16, 1 file with fields separated by semicolons"
    assert rows["classes"] == "a 1, b 1; without a label 2"
    assert rows["rows"].endswith("which hold all training texts; a longer text in windows")
    assert rows["duplicates"] == "1\na.jsonl:3 = a.jsonl:1"
    assert rows["in both parts"] == "1\na.jsonl:3 (held out) = a.jsonl:1"
    aside = rows["set aside or repaired"]
    assert "a.jsonl:4: 'text' is missing; its fields are: body" in aside
    assert "a.jsonl:2: 2 texts have no label, this one first; they are used without one" in aside
    assert rows["not looked at"] == "1 x .pdf\n.pdf: save it as .txt"
    # The same from the cache.
    assert table_of(folder, tmp_path / "cache") == rows


def test_names_and_texts_are_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "te\x1b[31mxts"
    folder.mkdir()
    (folder / "a\x1b[2J\u202e.txt").write_text("some \u202e text\x1b[0m")
    (folder / "b\x07.txt").write_bytes(b"good \xff\xc3\xa9")
    rows = table_of(folder, tmp_path / "cache")
    assert not {"\x1b", "\u202e", "\x07"} & set("".join(rows.values()))


def test_rows_that_have_nothing_to_say_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text")
    rows = table_of(tmp_path / "a.txt", tmp_path / "cache")
    assert not rows.keys() & {"read as", "in both parts", "not looked at", "since last read"}


def test_a_run_uses_what_checking_prepared(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text or other\n" * 9)
    settings = TextSettings(tokens="bytes")
    report = check(tmp_path / "a.txt", settings, 0.1, tmp_path / "cache")
    library = Library.open(tmp_path / "a.txt", settings, 0.1, cache_dir=tmp_path / "cache")
    assert library is not None
    assert (report.fingerprint, report.unknown) == (library.fingerprint, 0)


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        check(tmp_path, TextSettings(), cache_dir=tmp_path / "cache")
