"""Runs on sounds that were stopped go on as if they never had been."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sfumato.engine.signals import StopRequest
from sfumato.errors import Interrupted
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.registry import AnyRecipe
from sfumato.runs import spec as specs
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned, resume, train

STEPS = 7


@pytest.fixture(params=["audio", "audio-waveform"])
def plan(
    request: pytest.FixtureRequest, tiny_sounds: tuple[str, ...], tiny_waves: tuple[str, ...]
) -> AnyRecipe:
    if request.param == "audio-waveform":
        return planned("audio-waveform", steps=STEPS, changes=tiny_waves)
    varied = (*tiny_sounds, "backbone.dropout=0.3", "medium.gain=6")
    return planned("audio", steps=STEPS, changes=varied)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_stopped_run_ends_at_the_same_bits(
    tmp_path: Path,
    sounds: Path,
    plan: AnyRecipe,
    steps: int,
    state_of: Callable[[Path], dict[str, str]],
) -> None:
    stop = StopRequest()
    with pytest.raises(Interrupted, match=f"after step {steps}"):
        for event in train(sounds, plan, "cut", tmp_path, stop):
            if type(event).__name__ == "Progress" and getattr(event, "step", 0) == steps:
                stop.ask(signal.SIGTERM)
    for _ in resume(RunDirectory(tmp_path / "cut")):
        pass
    for _ in train(sounds, plan, "whole", tmp_path):
        pass
    assert state_of(tmp_path / "cut") == state_of(tmp_path / "whole")


def test_the_spec_tells_all(finished_sounds: Path, sounds: Path) -> None:
    spec = specs.read(finished_sounds / "tones/spec.json")
    assert spec.data.source == str(sounds)
    assert (spec.medium, spec.classes, spec.lengths) == (AudioMedium, 2, True)
    assert spec.recipe.sigma_data is not None
    card = (finished_sounds / "tones/README.md").read_text()
    assert "mono audio of up to 0.25 s at 4,000 Hz" in card
    assert f"representation | {spec.recipe.medium.representation.kind}" in card
    hum = specs.read(finished_sounds / "hum/spec.json")
    assert (hum.classes, len(hum.data.seconds)) == (0, 1)


def test_previews_are_seen_and_heard(
    tmp_path: Path, sounds: Path, tiny_sounds: tuple[str, ...]
) -> None:
    plan = planned("audio", steps=2, changes=(*tiny_sounds, "engine.preview_minutes=5"))
    events = list(train(sounds, plan, "a", tmp_path))
    names = sorted(path.name for path in (tmp_path / "a/previews").iterdir())
    assert names == ["latest.png", "latest.wav", "step-0000002.png", "step-0000002.wav"]
    samples, rate = soundfile.read(tmp_path / "a/previews/latest.wav")
    clips = [samples[place : place + 1000] for place in range(0, len(samples), 1000 + rate // 5)]
    assert len(clips) == 16
    for clip in clips:
        assert np.abs(clip).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    # Most tones are shorter than the window.
    assert sum(not clip[-20:].any() for clip in clips) > 4
    assert [event.name for event in events if type(event).__name__ == "Metric"] == [  # type: ignore[union-attr]
        "held-out loss", "training loss",
    ]  # fmt: skip
