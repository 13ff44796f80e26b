"""Texts in files: a line each, and nothing overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfumato.errors import SettingError
from sfumato.media.text.folder import TextFolder
from sfumato.model.gaps import MASKED
from sfumato.model.options import SampleOptions
from sfumato.model.text_stored import read_stored_text
from sfumato.model.text_writing import TextState, Written
from sfumato.run import open_run
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]


def lines(path: Path) -> list[dict[str, Any]]:
    # Not by splitlines: texts may hold other ends of lines.
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def written(run: str | None, asked: Asked, out: Path | None, *more: Any) -> Written:
    *_, last = sample_files(run, asked, out, *(more or (False, None)))
    assert isinstance(last, Written)
    return last


def test_lines_are_texts_with_their_recipes(tmp_path: Path) -> None:
    folder = TextFolder(tmp_path / "new/place")
    folder.require_free()
    texts = ["a\nb", "é\u2028\x00", ""]
    folder.add(texts[:2], [{"index": 0}, {"index": 1}])
    folder.add(texts[2:], [{"index": 2}])
    assert [line["text"] for line in lines(folder.samples)] == texts == folder.texts
    assert [line["recipe"] for line in lines(folder.samples)] == [{"index": i} for i in range(3)]
    assert "é" in folder.samples.read_text("utf-8")


@pytest.mark.parametrize("name", ["samples.jsonl", "trajectory.jsonl"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(SettingError, match="nothing is overwritten"):
        TextFolder(tmp_path).require_free()
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot be written"):
        TextFolder(tmp_path / "file/below").require_free()


@pytest.mark.parametrize("name", ["prose", "uniform", "labelled"])
def test_from_a_run_to_a_file(text_runs: Runs, tmp_path: Path, name: str) -> None:
    run = text_runs(name)
    done = written(name, SampleOptions(n=5, batch=2, seed=4), None)
    assert done.folder.resolve() == (run / "samples/001").resolve()
    assert done.trajectory is None
    assert [line["text"] for line in lines(done.file)] == done.texts
    assert [line["recipe"]["index"] for line in lines(done.file)] == list(range(5))
    stored = read_stored_text(done.file)
    assert (stored.run, stored.seed, stored.steps) == (name, 4, 8)
    assert done.texts == open_run(name).sample(5, seed=4).texts  # type: ignore[union-attr]
    told = done.to_json()
    assert json.loads(json.dumps(told)) == told
    assert written(name, SampleOptions(n=1), None).folder.name == "002"


def test_files_do_not_depend_on_the_batch(text_runs: Runs, tmp_path: Path) -> None:
    text_runs("labelled")
    for batch in (1, 3, 8):
        written(
            "labelled",
            SampleOptions(n=8, batch=batch, scale=1.5),
            tmp_path / str(batch),
            True,
            None,
        )
    for name in ("samples.jsonl", "trajectory.jsonl"):
        one, three, eight = ((tmp_path / str(b) / name).read_bytes() for b in (1, 3, 8))
        assert one == three == eight


@pytest.mark.parametrize("name", ["prose", "uniform", "labelled"])
def test_the_way_from_noise_ends_in_the_text(text_runs: Runs, tmp_path: Path, name: str) -> None:
    text_runs(name)
    done = written(name, SampleOptions(n=3, batch=2), tmp_path / "out", True, None)
    assert done.trajectory == tmp_path / "out/trajectory.jsonl"
    ways = lines(done.trajectory)
    assert [way["index"] for way in ways] == [0, 1, 2]
    for way, text in zip(ways, done.texts, strict=True):
        states, times = way["states"], [state["t"] for state in way["states"]]
        assert states[-1]["text"] == text
        assert times[0] == 1 and times == sorted(set(times), reverse=True)
        assert {len(state["text"]) for state in states} == {len(text)}
        if name != "uniform":
            assert set(states[0]["text"]) == {MASKED}


def test_the_way_of_windows_ends_in_the_text(text_runs: Runs, tmp_path: Path) -> None:
    text_runs("prose")
    done = written("prose", SampleOptions(n=2, length=70), tmp_path / "out", True, None)
    assert done.trajectory is not None
    for way, text in zip(lines(done.trajectory), done.texts, strict=True):
        assert way["states"][-1]["text"] == text
        assert len(text) == 70


def test_states_are_told_on_the_way(text_runs: Runs, tmp_path: Path) -> None:
    text_runs("prose")
    events = list(sample_files("prose", SampleOptions(n=3, batch=2), tmp_path / "out", False, None))
    states = [event for event in events if isinstance(event, TextState)]
    assert [state.step for state in states] == [*range(9)] * 2
    assert [(len(s.texts), s.done, s.total, s.steps) for s in states[::9]] == [
        (2, 0, 3, 8), (1, 2, 3, 8),
    ]  # fmt: skip


def test_a_text_is_made_again_from_its_line_alone(text_runs: Runs, tmp_path: Path) -> None:
    """The line names the run, too."""
    text_runs("labelled")
    done = written("labelled", SampleOptions(n=4, scale=1.5), tmp_path / "out")
    like = done.file.with_name("samples.jsonl:2")
    again = written(None, SampleOptions(), tmp_path / "again", False, like)
    assert again.file.read_text().splitlines() == done.file.read_text().splitlines()[1:2]


def test_what_texts_have_pictures_have_not(runs: Runs, text_runs: Runs) -> None:
    runs("plain")
    text_runs("prose")
    for asked, words in (
        (SampleOptions(temperature=0.5), "--temperature is not for pictures"),
        (SampleOptions(top_p=0.5), "--top-p is not for pictures"),
        (SampleOptions(length=9), "--length is not for pictures"),
    ):
        with pytest.raises(SettingError, match=words):
            list(sample_files("plain", asked, None, False, None))
    assert (
        len(written("prose", SampleOptions(temperature=0.5, top_p=0.5, length=9), None).texts) == 4
    )
    for asked, words in (
        (SampleOptions(start=Path("a.png")), "--from is not for text"),
        (SampleOptions(strength=0.5), "--strength is not for text"),
        (SampleOptions(seconds=1.0), "--seconds is not for text"),
    ):
        with pytest.raises(SettingError, match=words):
            list(sample_files("prose", asked, None, False, None))
