"""The commands on text, run in this process: from a file to texts, and what can go wrong."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from sfumato.cli import main
from tests.cli.console import Command, Result

Runs = Callable[..., Path]
SETTINGS = (
    "medium.context=32",
    "backbone.dim=32",
    "backbone.depth=1",
    "backbone.heads=2",
    "engine.batch=4",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=4",
)
OPTIONS = [word for change in SETTINGS for word in ("--settings", change)]
KINDS = ("calm", "rough")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``notes.txt``, ``poems.jsonl`` and a run of two steps on each."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "notes.txt").write_text("the sea is blue\nand the boat is [b]green[/b]\n" * 60)
    poems = [{"text": f"the {KINDS[n % 2]} sea {n}", "mood": KINDS[n % 2]} for n in range(40)]
    (folder / "poems.jsonl").write_text("\n".join(map(json.dumps, poems)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        steps = ["--steps", "2", "--quiet", *OPTIONS]
        main(["train", "notes.txt", "--name", "notes", *steps])
        main(["train", "poems.jsonl", "--name", "poems", "--label-field", "mood", *steps])
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with copies of the runs."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(result: Result) -> Any:
    assert result.code == 0, result.err
    return json.loads(result.out)


@pytest.mark.parametrize("command", ["fill", "sample", "train"])
def test_every_command_has_help(sfumato: Command, command: str) -> None:
    result = sfumato(command, "--help")
    assert result.code == 0
    assert "Usage: sfumato" in result.out


def test_from_a_file_to_texts(
    sfumato: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = sfumato("train", trained / "notes.txt", "--steps", "2", "--name", "a", *OPTIONS)
    assert (result.code, result.err) == (0, "")
    assert "run runs/a" in result.out
    result = sfumato("resume", "a", "--steps", "3", "--quiet")
    assert (result.code, result.out, result.err) == (0, "runs/a\n", "")
    result = sfumato("info", "a")
    assert result.code == 0
    assert "characters" in result.out
    result = sfumato("sample", "a", "-n", "1", "--trajectory")
    assert (result.code, result.err) == (0, "")
    assert "1 text in runs/a/samples/001/samples.jsonl" in result.out
    assert "from noise: runs/a/samples/001/trajectory.jsonl" in result.out


def test_one_text_becomes_files_and_can_be_made_again(sfumato: Command, place: Path) -> None:
    content = parsed(
        sfumato("sample", "poems", "-n", "3", "--label", "rough", "--seed", "4", "--json")
    )
    lines = [json.loads(line) for line in Path(content["file"]).read_text().splitlines()]
    assert [line["text"] for line in lines] == content["texts"]
    assert {line["recipe"]["label"] for line in lines} == {"rough"}
    again = parsed(sfumato("sample", "--like", content["file"] + ":2", "--out", "again", "--json"))
    assert again["texts"] == content["texts"][1:2]


def test_texts_are_printed_as_they_are(sfumato: Command, place: Path) -> None:
    """With brackets that look like markup, and other signs."""
    result = sfumato("sample", "notes", "-n", "4", "--seed", "1")
    shown = parsed(sfumato("sample", "notes", "-n", "4", "--seed", "1", "--json"))["texts"]
    assert all(text in result.out for text in shown)
    assert any("[" in text or "]" in text for text in shown)


def test_gaps_are_filled(sfumato: Command, place: Path) -> None:
    command = ("fill", "notes", "the ____ is ____", "--length", "2-3", "-n", "3")
    content = parsed(sfumato(*command, "--candidates", "6", "--json"))
    assert len(content) == 3
    for one in content:
        first, second = one["gaps"]
        assert one["text"] == f"the {first} is {second}"
    result = sfumato(*command, "--candidates", "6")
    assert (result.code, result.err) == (0, "")
    assert result.out.count("bits/token") == 3
    assert all(one["text"] in result.out for one in content)


def test_gaps_are_filled_under_constraints(sfumato: Command, place: Path) -> None:
    Path("words.txt").write_text("sea\n\nis\n")
    few = ("--candidates", "4", "-n", "4", "--particles", "2", "--json")
    command = ("fill", "notes", "the ____ is ____")
    for one in parsed(sfumato(*command, "--pattern", "[a-d]+", "--pattern=[e-z ]{2,3}", *few)):
        first, second = one["gaps"]
        assert re.fullmatch("[a-d]+", first) and re.fullmatch("[e-z ]{2,3}", second)
        assert one["text"] == f"the {first} is {second}"
    for one in parsed(sfumato(*command, "--words", "blue,red", "--words", "@words.txt", *few)):
        assert set(one["gaps"]) <= {"blue", "red", "sea", "is"}


def test_gaps_of_a_file_and_with_a_label(sfumato: Command, place: Path) -> None:
    Path("gaps.txt").write_text("the X sea 3")
    content = parsed(
        sfumato(
            "fill", "poems", "--file", "gaps.txt", "--marker", "X", "--label", "calm",
            "--scale", "2", "--length", "4", "--candidates", "5", "--steps", "2", "--json",
        )
    )  # fmt: skip
    assert all(one["text"] == f"the {one['gaps'][0]} sea 3" for one in content)


def test_data_are_checked(sfumato: Command, trained: Path) -> None:
    content = parsed(
        sfumato("data", "check", trained / "poems.jsonl", "--label-field", "mood", "--json")
    )
    assert content["labels"] == {"calm": 20, "rough": 20}
    assert content["documents"] == 40
    lines = ("--settings", "medium.split=line", "--settings", "data.held_out=0")
    content = parsed(sfumato("data", "check", trained / "notes.txt", *lines, "--json"))
    assert content["documents"] > 2
    assert content["settings"]["split"] == "line"
    result = sfumato("data", "check", trained / "notes.txt")
    assert result.code == 0
    assert "[b]green[/b]" in result.out


def test_letters_that_the_terminal_lacks_are_spelt_out(
    sfumato: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("caf\u00e9 \u6f22\n" * 20)
    narrow = TextIOWrapper(BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    main(["data", "check", str(tmp_path / "notes.txt")])
    narrow.flush()
    assert rb"caf\xe9 \u6f22" in narrow.buffer.getvalue()


def test_a_field_of_labels_that_is_not_there(
    refused: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused("train", trained / "poems.jsonl", "--label-field", "mod", "--steps", "1", *OPTIONS)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["notes"], "none was given"),
        (["notes", "the ____", "--file", "x"], "both a text and a file"),
        (["notes", "the sea"], "There is no gap"),
        (["notes", "the ____ Ω"], "'Ω' (U+03A9)"),
        (["notes", "the sea " * 9 + "____"], "too long: "),
        (["notes", "the ____", "--length", "x"], "length cannot be 'x'"),
        (["notes", "the ____", "-n", "0"], "n cannot be 0"),
        (["notes", "the ____", "--candidates", "2"], "candidates cannot be 2"),
        (["notes", "the ____", "--label", "calm"], "neither a label"),
        (["notes", "the ____ is", "--temperature", "5000"], "temperature cannot be 5000"),
        (["poems", "the ____", "--label", "cal"], "did you mean 'calm'?"),
        (["note", "the ____"], "did you mean 'notes'?"),
        (["notes", "--file", "nowhere.txt"], "cannot be read"),
        (["notes", "the ____", "--pattern", "(a"], "cannot be understood at character 1"),
        (["notes", "the ____ is", "--words", "green", "--length", "2"], "gap 1 can have 5 tokens"),
    ],
)
def test_what_cannot_be_filled(
    refused: Command, place: Path, arguments: list[str], words: str
) -> None:
    assert words in refused("fill", *arguments).err


def test_a_file_of_other_bytes_is_named_with_line_and_byte(refused: Command, place: Path) -> None:
    Path("gaps.txt").write_bytes(b"the ____\n\xe9t\xe9")
    assert "byte 0xe9 in line 2, at byte 1" in refused("fill", "notes", "--file", "gaps.txt").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--length", "0"], "length cannot be 0"),
        (["--temperature", "0"], "temperature cannot be 0"),
        (["--top-p", "2"], "top_p cannot be 2"),
        (["--sampler", "heun"], "There is no sampler of text 'heun'"),
        (["--like", "nowhere.jsonl:3"], "cannot be read"),
        (["--out", "runs/notes/spec.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_sampled(
    refused: Command, place: Path, arguments: list[str], words: str
) -> None:
    assert words in refused("sample", "notes", *arguments).err
    assert not Path("runs/notes/samples").exists()


def test_a_line_that_another_run_made(refused: Command, sfumato: Command, place: Path) -> None:
    content = parsed(sfumato("sample", "poems", "-n", "1", "--json"))
    assert "not made by the weights" in refused("sample", "notes", "--like", content["file"]).err
    assert "has no line 2" in refused("sample", "--like", content["file"] + ":2").err


def test_pictures_have_no_gaps(refused: Command, runs: Runs) -> None:
    runs("plain")
    assert "it has to be one on text" in refused("fill", "plain", "the ____").err


def test_an_empty_file_is_not_trained_on(refused: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert "a.txt" in refused("train", tmp_path / "a.txt").err
