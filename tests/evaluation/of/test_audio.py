"""Evaluating models of sounds: tiny runs, and sounds whose quality is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sfumato.errors import SettingError
from sfumato.evaluation.display import AudioClips, Images, Plot
from sfumato.evaluation.evaluate import Evaluation
from sfumato.evaluation.of import audio as audio_module
from sfumato.evaluation.result import Report
from sfumato.model.options import EvaluateOptions
from sfumato.run import open_run
from tests.evaluation.evaluations import evaluated

Runs = Callable[..., Path]


@pytest.fixture(autouse=True)
def one_ear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained embedding would be fetched."""
    monkeypatch.setattr(audio_module, "_trained", lambda: [])


def test_the_report_is_whole(sound_runs: Runs) -> None:
    run = sound_runs("tones")
    found = evaluated(run, EvaluateOptions(n=12, rows=4, draws=2))
    report = found.report
    assert (report.run, report.medium, report.seed) == ("tones", "audio", 0)
    assert report.model == open_run(run).model.fingerprint
    assert [section.key for section in report.sections] == [
        "distance/log-mel", "copies/log-mel", "variety/log-mel", "classes/log-mel", "likelihood",
        "levels", "likeness",
    ]  # fmt: skip
    assert report.split.training + report.split.held_out == 12
    assert report.sampling["n"] == 12
    for _, figure in report.figures():
        assert (figure.value is not None) or figure.flag
        assert figure.n
    assert report["distance/log-mel/training"].n == (12, report.split.training)


def test_what_is_shown_can_be_heard(sound_runs: Runs) -> None:
    found = evaluated(sound_runs("tones"), EvaluateOptions(n=4, rows=2, draws=1))
    kinds = [type(exhibit) for exhibit in found.displays if not isinstance(exhibit, Plot)]
    assert kinds == [AudioClips, Images, AudioClips, Images]
    for exhibit in found.displays:
        if isinstance(exhibit, AudioClips):
            assert exhibit.clips
            assert all(clip.startswith(b"fLaC") for _, clip in exhibit.clips)
        if isinstance(exhibit, Images):
            assert all(image.startswith(b"\x89PNG") for _, image in exhibit.images)


def test_what_is_asked_is_sampled_and_silent_after_its_end(sound_runs: Runs) -> None:
    run = sound_runs("tones")
    asked = EvaluateOptions(n=4, label="low", scale=2.0, steps=3, sampler="ddim", rows=2, draws=1)
    told = evaluated(run, asked).report.sampling
    assert (told["n"], told["label"], told["scale"], told["steps"]) == (4, "low", 2.0, 3)
    assert told["sampler"]["kind"] == "ddim"


def test_the_first_samples_are_those_that_sample_makes(sound_runs: Runs) -> None:
    run = sound_runs("tones")
    found = evaluated(run, EvaluateOptions(n=3, steps=3, rows=2, draws=1))
    made = open_run(run).sample(3, steps=3)
    model = open_run(run).model
    clips = np.zeros((3, *model.medium.shape), np.float32)
    for number in range(3):
        sound = np.asarray(made[number])
        clips[number, :, : sound.shape[1]] = sound
    heard = audio_module.LogMel()(
        audio_module.Clips(torch.from_numpy(clips), model.medium.settings.rate)
    )
    assert torch.allclose(found.features[0].samples, heard, atol=1e-5)


def test_a_scale_of_zero_is_no_default(sound_runs: Runs) -> None:
    asked = EvaluateOptions(n=3, label="low", scale=0.0, rows=2, draws=1)
    assert evaluated(sound_runs("tones"), asked).report.sampling["scale"] == 0


def test_more_steps_can_be_tried_again(sound_runs: Runs) -> None:
    found = evaluated(sound_runs("tones"), EvaluateOptions(n=4, steps=4, rows=2, draws=1))
    same, other = (run_out(found, steps) for steps in (4, 2))
    assert torch.allclose(same, found.features[0].samples[:3], atol=1e-5)
    assert not torch.allclose(other, same, atol=1e-3)


def run_out(found: Evaluation, steps: int) -> torch.Tensor:
    events = found.resample(3, steps, "again")
    while True:
        try:
            assert next(events).what.startswith("again")
        except StopIteration as end:
            features: torch.Tensor = end.value
            return features


def test_all_of_one_class_is_noted(sound_runs: Runs) -> None:
    report = evaluated(
        sound_runs("tones"), EvaluateOptions(n=3, label="low", rows=2, draws=1)
    ).report
    assert any("all samples are of the class 'low'" in note for note in report.notes)


class TestWords:
    @pytest.fixture(autouse=True)
    def listener(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Hears:
            """Hears "low" in everything."""

            def __init__(self, folder: Path) -> None: ...

            def transcribe(self, clips: torch.Tensor, rate: int) -> list[str]:
                return [" Low."] * len(clips)

        monkeypatch.setattr(audio_module, "Recogniser", Hears)
        monkeypatch.setattr(audio_module, "fetch_asset", lambda name: Path(name))

    def report(self, run: Path, asked: EvaluateOptions) -> Report:
        return evaluated(run, asked).report

    def test_are_counted_beside_those_of_real_sounds(self, sound_runs: Runs) -> None:
        run = sound_runs("tones")
        for label, share in (("low", 1), ("high", 0)):
            asked = EvaluateOptions(n=3, rows=2, draws=1, label=label, speech=True)
            figure = self.report(run, asked)["words/understood"]
            assert (figure.value, figure.real, figure.n[0]) == (share, share, 3)
            assert 4 <= figure.n[1] <= 6

    def test_need_classes(self, sound_runs: Runs) -> None:
        with pytest.raises(SettingError, match="no words to recognise"):
            self.report(sound_runs("hum"), EvaluateOptions(n=3, speech=True))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (EvaluateOptions(temperature=0.5), "option .temperature. is not for audio"),
        (EvaluateOptions(n=2), "n cannot be 2"),
        (EvaluateOptions(n=3, label="middle"), "no label 'middle'"),
        (EvaluateOptions(n=3, sampler="huen"), "did you mean 'heun'"),
    ],
)
def test_refusals(sound_runs: Runs, asked: EvaluateOptions, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        evaluated(sound_runs("tones"), asked)
