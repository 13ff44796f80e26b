"""Texts in files: a line each, and nothing overwritten."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfumato import storage
from sfumato.errors import DataError, DiskFull, SettingError
from sfumato.media.text.folder import TextFolder
from sfumato.media.text.medium import TextMedium
from sfumato.model.layout import MASKED
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Making, TokenProvenance, read_provenance
from sfumato.run import open_run
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]


def lines(path: Path) -> list[dict[str, Any]]:
    # Not by splitlines: texts may hold other ends of lines.
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def written(run: str | None, options: SampleOptions, **more: Any) -> Written:
    *_, last = sample_files(run, options, **more)
    assert isinstance(last, Written)
    return last


def text_folder(written: Written) -> TextFolder:
    assert isinstance(written.out, TextFolder)
    return written.out


def test_lines_are_texts_with_their_recipes(tmp_path: Path) -> None:
    folder = TextFolder(tmp_path / "new/place")
    folder.require_free(range(3))
    texts = ["a\nb", "é\u2028\x00", ""]
    folder.add(range(2), texts[:2], [{"index": 0}, {"index": 1}])
    folder.add([2], texts[2:], [{"index": 2}])
    folder.save()
    assert [line["text"] for line in lines(folder.samples)] == texts == folder.texts
    assert [line["recipe"] for line in lines(folder.samples)] == [{"index": i} for i in range(3)]
    assert "é" in folder.samples.read_text("utf-8")


def test_the_file_is_whole_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves it as it was before."""
    folder = TextFolder(tmp_path)
    folder.add([0], ["first"], [{"index": 0}])
    before = folder.samples.read_bytes()
    assert before.endswith(b"\n")

    def full(path: Path, text: str) -> None:
        raise DiskFull("There is no room.")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_text", full)
        patch.setattr(time, "monotonic", lambda: 1e12)
        with pytest.raises(DiskFull):
            folder.add([1], ["second"], [{"index": 1}])
    assert folder.samples.read_bytes() == before
    folder.save()
    assert [line["text"] for line in lines(folder.samples)] == ["first", "second"]
    assert [path.name for path in tmp_path.iterdir()] == ["samples.jsonl"]


def test_lines_that_are_there_stay_and_all_are_in_order(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").write_text(
        '{"text": "two", "recipe": {"index": 2}}\n{"text": "to', encoding="utf-8"
    )
    folder = TextFolder(tmp_path)
    folder.add([3, 1], ["three", "one"], [{"index": 3}, {"index": 1}])
    folder.save()
    assert [line["text"] for line in lines(folder.samples)] == ["one", "two", "three"]


def test_writing_is_linear_in_the_number_of_texts(tmp_path: Path) -> None:
    """The whole file is written each time, so it is not written for each batch."""
    written = []
    original = storage.write_text
    folder = TextFolder(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            storage, "write_text", lambda path, text: written.append(1) or original(path, text)
        )
        for index in range(1000):
            folder.add([index], ["text"], [{"index": index}])
        folder.save()
    assert len(lines(folder.samples)) == 1000
    assert len(written) < 100


@pytest.mark.parametrize("name", ["samples.jsonl", "trajectory.jsonl"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(SettingError, match="nothing is overwritten"):
        TextFolder(tmp_path).require_free(range(1))
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot be written"):
        TextFolder(tmp_path / "file/below").require_free(range(1))


@pytest.mark.parametrize("name", ["prose", "uniform", "labelled"])
def test_from_a_run_to_a_file(text_runs: Runs, tmp_path: Path, name: str) -> None:
    run = text_runs(name)
    done = written(name, SampleOptions(n=5, batch=2, seed=4))
    out = text_folder(done)
    assert out.path.resolve() == (run / "samples/001").resolve()
    assert out.trajectories == []
    assert out.files == [out.samples]
    assert [line["text"] for line in lines(out.samples)] == out.texts
    assert [line["recipe"]["index"] for line in lines(out.samples)] == list(range(5))
    stored = read_provenance(out.samples, TokenProvenance, TextMedium.read_provenance)
    assert (stored.run, stored.seed, stored.steps) == (name, 4, 8)
    assert out.texts == list(open_run(name).sample(5, seed=4))
    told = done.to_json()
    assert told["trajectory"] is None
    assert json.loads(json.dumps(told)) == told
    assert written(name, SampleOptions(n=1)).out.path.name == "002"


def test_files_do_not_depend_on_the_batch(text_runs: Runs, tmp_path: Path) -> None:
    text_runs("labelled")
    for batch in (1, 3, 8):
        written(
            "labelled",
            SampleOptions(n=8, batch=batch, scale=1.5),
            out=tmp_path / str(batch),
            trajectory=True,
        )
    for name in ("samples.jsonl", "trajectory.jsonl"):
        one, three, eight = ((tmp_path / str(b) / name).read_bytes() for b in (1, 3, 8))
        assert one == three == eight


@pytest.mark.parametrize("name", ["prose", "uniform", "labelled"])
def test_the_way_from_noise_ends_in_the_text(text_runs: Runs, tmp_path: Path, name: str) -> None:
    text_runs(name)
    done = written(name, SampleOptions(n=3, batch=2), out=tmp_path / "out", trajectory=True)
    out = text_folder(done)
    assert out.trajectories == [tmp_path / "out/trajectory.jsonl"]
    assert done.to_json()["trajectory"] == str(out.trajectory)
    ways = lines(out.trajectory)
    assert [way["index"] for way in ways] == [0, 1, 2]
    for way, text in zip(ways, out.texts, strict=True):
        states, times = way["states"], [state["t"] for state in way["states"]]
        assert states[-1]["text"] == text
        assert times[0] == 1 and times == sorted(set(times), reverse=True)
        assert {len(state["text"]) for state in states} == {len(text)}
        if name != "uniform":
            assert set(states[0]["text"]) == {MASKED}


def test_the_way_of_windows_ends_in_the_text(text_runs: Runs, tmp_path: Path) -> None:
    text_runs("prose")
    done = written("prose", SampleOptions(n=2, length=70), out=tmp_path / "out", trajectory=True)
    out = text_folder(done)
    for way, text in zip(lines(out.trajectory), out.texts, strict=True):
        assert way["states"][-1]["text"] == text
        assert len(text) == 70


def test_states_are_told_on_the_way(text_runs: Runs, tmp_path: Path) -> None:
    text_runs("prose")
    events = list(sample_files("prose", SampleOptions(n=3, batch=2), out=tmp_path / "out"))
    states = [event for event in events if isinstance(event, Making)]
    assert [making.state.step for making in states] == [*range(9)] * 2
    assert [(len(s.texts or ()), s.done, s.total, s.state.steps) for s in states[::9]] == [
        (2, 0, 3, 8), (1, 2, 3, 8),
    ]  # fmt: skip


def test_a_text_is_made_again_from_its_line_alone(text_runs: Runs, tmp_path: Path) -> None:
    """The line names the run, too."""
    text_runs("labelled")
    done = written("labelled", SampleOptions(n=4, scale=1.5), out=tmp_path / "out")
    samples = text_folder(done).samples
    like = samples.with_name("samples.jsonl:2")
    again = written(None, SampleOptions(), out=tmp_path / "again", like=like)
    made_again = text_folder(again).samples.read_text().splitlines()
    assert made_again == samples.read_text().splitlines()[1:2]


def test_a_line_that_is_not_there_is_named(text_runs: Runs, tmp_path: Path) -> None:
    text_runs("prose")
    samples = text_folder(written("prose", SampleOptions(n=2), out=tmp_path / "out")).samples
    with pytest.raises(DataError, match=r"(?s)has no line 9.*it has 2 lines"):
        written(None, SampleOptions(), like=samples.with_name("samples.jsonl:9"))


def test_what_texts_have_pictures_have_not(runs: Runs, text_runs: Runs) -> None:
    runs("plain")
    text_runs("prose")
    for asked, words in (
        (SampleOptions(temperature=0.5), "'temperature' is not for images"),
        (SampleOptions(top_p=0.5), "'top_p' is not for images"),
        (SampleOptions(length=9), "'length' is not for images"),
    ):
        with pytest.raises(SettingError, match=words):
            list(sample_files("plain", asked))
    done = written("prose", SampleOptions(temperature=0.5, top_p=0.5, length=9))
    assert len(text_folder(done).texts) == 4
    for asked, words in (
        (SampleOptions(start=Path("a.png")), "'start' is not for texts"),
        (SampleOptions(strength=0.5), "'strength' is not for texts"),
        (SampleOptions(seconds=1.0), "'seconds' is not for texts"),
    ):
        with pytest.raises(SettingError, match=words):
            list(sample_files("prose", asked))
