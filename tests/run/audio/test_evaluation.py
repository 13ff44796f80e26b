from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import SettingError
from sfumato.metrics.audio_embedding import LogMel
from sfumato.run.audio import evaluation
from sfumato.run.audio.evaluation import SoundReport
from sfumato.run.evaluated import Evaluated, Measured, evaluate_run
from sfumato.run.measuring import Measuring
from sfumato.run.run import open_run
from sfumato.run.training import planned, train

Runs = Callable[..., Path]
SMALL = Measured(n=6)


@pytest.fixture(autouse=True)
def one_ear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained embedding would be fetched."""
    monkeypatch.setattr(evaluation, "_embeddings", lambda: [LogMel()])


def evaluated(run: Path, asked: Measured = SMALL, out: Path | None = None) -> dict[str, Any]:
    *progress, last = evaluate_run(run, asked, out)
    assert progress
    assert all(isinstance(event, Measuring) for event in progress)
    assert isinstance(last, Evaluated)
    found: dict[str, Any] = json.loads(last.path.read_text())
    assert found == json.loads(json.dumps(last.report.to_json(), allow_nan=False))
    assert last.picture == last.path.with_name(f"{last.path.stem}-nearest.png")
    with Image.open(last.picture) as picture:
        picture.load()
    return found


def test_the_report_is_whole(sound_runs: Runs) -> None:
    run = sound_runs("tones")
    found = evaluated(run)
    assert set(found) == {
        "format", "sfumato", "run", "model", "data", "seed", "sampling", "quality", "words",
        "notes",
    }  # fmt: skip
    quality = found["quality"]
    assert set(quality) == {
        "distances", "classes", "levels", "real_levels", "copies", "real_copies",
    }  # fmt: skip
    (distances,) = quality["distances"]
    assert distances["embedding"] == "log-mel"
    assert set(distances["training"]) == {"value", "low", "high"}
    assert distances["n"][0] == 6
    assert sum(distances["n"][1:]) == 12
    assert found["words"] is None
    assert (found["run"], found["model"]) == ("tones", open_run(run).model.fingerprint)
    assert found["sampling"]["n"] == 6
    assert found["sampling"]["label"] is None


def test_it_is_repeatable_and_goes_where_it_is_asked(sound_runs: Runs, tmp_path: Path) -> None:
    run = sound_runs("wave")
    out = tmp_path / "deep/report.json"
    first = evaluated(run, out=out)
    assert evaluated(run) == first
    assert json.loads((run / "evaluation.json").read_text()) == first
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "report-nearest.png", "report.json",
    ]  # fmt: skip
    other = evaluated(run, Measured(n=6, seed=1))
    assert other["quality"]["distances"] != first["quality"]["distances"]


def test_what_is_asked_is_sampled(sound_runs: Runs) -> None:
    run = sound_runs("tones")
    asked = Measured(n=4, label="low", scale=2.0, steps=3, sampler="ddim")
    *_, last = evaluate_run(run, asked)
    assert isinstance(last, Evaluated)
    report = last.report
    assert isinstance(report, SoundReport)
    told = report.sampling
    assert (told["n"], told["label"], told["scale"], told["steps"]) == (4, "low", 2.0, 3)
    assert told["sampler"]["kind"] == "ddim"
    assert report.samples.shape == (4, 1, 1000)
    made = open_run(run).sample(4, label="low", scale=2.0, steps=3, sampler="ddim")
    for number, clip in enumerate(report.samples.numpy()):
        sound = made[number]
        assert np.array_equal(clip[:, : np.shape(sound)[1]], sound)
        assert not clip[:, np.shape(sound)[1] :].any()


def test_a_scale_of_zero_is_no_default(sound_runs: Runs) -> None:
    found = evaluated(sound_runs("tones"), Measured(n=3, label="low", scale=0.0))
    assert found["sampling"]["scale"] == 0


def test_notes_say_what_to_bear_in_mind(
    tmp_path: Path, sound_runs: Runs, sounds: Path, tiny_sounds: tuple[str, ...]
) -> None:
    found = evaluated(sound_runs("hum"))
    held_out = found["quality"]["distances"][0]["n"][1]
    assert f"n is small: {held_out} held-out sounds" in found["notes"]
    assert "n is small: 6 samples" in found["notes"]
    assert any("sfumato[audio-metrics]" in note for note in found["notes"])
    assert found["quality"]["classes"] is None
    plan = planned("audio", steps=1, changes=(*tiny_sounds, "data.held_out=0"))
    for _ in train(sounds, plan, "all", tmp_path):
        pass
    found = evaluated(tmp_path / "all")
    assert any("nothing was held out" in note for note in found["notes"])
    assert found["quality"]["real_copies"] is None
    found = evaluated(tmp_path / "all", replace(SMALL, label="low"))
    assert any("all samples are of 'low'" in note for note in found["notes"])


class TestWords:
    @pytest.fixture
    def listener(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Hears:
            """Hears "low" in everything."""

            def __init__(self, folder: Path) -> None: ...

            def heard(self, clips: torch.Tensor, rate: int) -> list[str]:
                return [" Low."] * len(clips)

        monkeypatch.setattr(evaluation, "Recogniser", Hears)
        monkeypatch.setattr(evaluation, "fetch_asset", lambda name: Path(name))

    def test_are_counted_beside_those_of_real_sounds(
        self, sound_runs: Runs, listener: None
    ) -> None:
        run = sound_runs("tones")
        words = evaluated(run, Measured(n=3, label="low", speech=True))["words"]
        assert (words["samples"], words["real"], words["n"]) == (1, 1, 3)
        assert 4 <= words["real_n"] <= 6
        words = evaluated(run, Measured(n=3, label="high", speech=True))["words"]
        assert (words["samples"], words["real"]) == (0, 0)
        words = evaluated(run, Measured(n=20, steps=1, speech=True))["words"]
        assert 0 < words["samples"] < 1

    def test_need_classes(self, sound_runs: Runs, listener: None) -> None:
        with pytest.raises(SettingError, match="no words to listen for"):
            list(evaluate_run(sound_runs("hum"), Measured(n=3, speech=True)))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Measured(rows=5), "--rows is not for a run on sounds"),
        (Measured(rows=0), "--rows is not for a run on sounds"),
        (Measured(draws=5), "--draws is not for a run on sounds"),
        (Measured(temperature=0.5), "--temperature is not"),
        (Measured(top_p=0.5), "--top-p is not"),
        (Measured(molecules=True), "--molecules is not"),
        (Measured(n=2), "n cannot be 2"),
        (Measured(n=0), "n cannot be 0"),
        (Measured(seed=-1), "seed cannot be -1"),
        (Measured(n=3, label="middle"), "no label 'middle'"),
        (Measured(n=3, sampler="huen"), "did you mean 'heun'"),
    ],
)
def test_refusals(sound_runs: Runs, asked: Measured, words: str) -> None:
    run = sound_runs("tones")
    with pytest.raises(SettingError, match=words):
        list(evaluate_run(run, asked))
    assert not (run / "evaluation.json").exists()


def test_from_python(sound_runs: Runs) -> None:
    report = open_run(sound_runs("tones")).evaluate(n=3)
    assert isinstance(report, SoundReport)
    assert report.sampling["n"] == 3
