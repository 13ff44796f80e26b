"""Recipes for audio. Their figures were chosen by measurement; see ``docs/audio.md``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self

from pydantic import model_validator

from sfumato.engine.optim import AdamWSpec, MuonSpec
from sfumato.engine.settings import EngineSettings, LearningRate
from sfumato.media.audio.settings import AdvanceSpec, AudioSettings, WaveformSpec
from sfumato.nets.specs import TransformerSpec, UNetSpec
from sfumato.process.grids import EDMGrid
from sfumato.process.times import LogNormal
from sfumato.recipes.recipe import (
    BudgetSettings,
    GaussianRecipe,
    SamplingSettings,
    with_words,
)
from sfumato.sampling import StochasticHeun


class AudioRecipe(GaussianRecipe):
    """The whole plan of a run on audio.

    Attributes:
        medium: How files become tensors.
    """

    absent = MappingProxyType({"medium.floor": None})

    medium: AudioSettings = AudioSettings()

    @model_validator(mode="after")
    def _axes_agree(self) -> Self:
        spec = self.medium.representation
        axes = 1 if isinstance(spec, WaveformSpec) else 2
        if self.backbone.axes != axes:
            number = "one axis" if axes == 1 else "two axes"
            raise ValueError(f"a {spec.kind} has {number}: set backbone.axes={axes}")
        return self


# With guidance 2 more words were understood and more clips were of their class, and the distance to
# real clips was no larger.
_FORGIVING = SamplingSettings(
    sampler=StochasticHeun(churn=40.0, grid=EDMGrid(low=0.02)), steps=60, scale=2.0
)


def spectrogram() -> AudioRecipe:
    """One-second clips on a laptop's CPU: a U-Net on spectrograms of phase advances."""
    return AudioRecipe(
        name="audio",
        medium=AudioSettings(representation=AdvanceSpec(window=512)),
        times=LogNormal(mean=-0.8, std=1.4),
        backbone=UNetSpec(
            widths=(64, 128, 192, 256),
            blocks=(1, 1, 1, 2),
            attention=(False, False, False, True),
            patch=4,
            placed=True,
        ),
        engine=EngineSettings(
            batch=16,
            optimizer=AdamWSpec(lr=2e-3, weight_decay=0.01),
            learning_rate=LearningRate(warmup=1_000, cooldown=0.4),
        ),
        budget=BudgetSettings(minutes=30),
        sampling=_FORGIVING,
    )


def words() -> AudioRecipe:
    """The U-Net of audio, which learns from captions instead of classes."""
    return with_words(spectrogram(), "audio-words")


def waveform() -> AudioRecipe:
    """The same on the waveform itself, in patches of 64 samples: cheap, but rough."""
    return AudioRecipe(
        name="audio-waveform",
        medium=AudioSettings(representation=WaveformSpec()),
        times=LogNormal(mean=-1.2, std=1.6),
        backbone=TransformerSpec(patch=64, dim=256, depth=6, heads=4, axes=1),
        engine=EngineSettings(
            batch=16,
            optimizer=MuonSpec(lr=0.01),
            learning_rate=LearningRate(warmup=1_000, cooldown=0.4),
        ),
        budget=BudgetSettings(minutes=30),
        sampling=_FORGIVING,
    )


def large() -> AudioRecipe:
    """Six seconds of 44.1 kHz stereo, for a GPU and some hours."""
    return AudioRecipe(
        name="audio-large",
        medium=AudioSettings(
            rate=44_100,
            seconds=6.0,
            channels="stereo",
            cut="all",
            level="loudness",
            trim=None,
            representation=AdvanceSpec(window=1024),
        ),
        times=LogNormal(mean=-0.8, std=1.4),
        backbone=UNetSpec(
            widths=(128, 256, 384, 512),
            blocks=(1, 2, 2, 3),
            attention=(False, False, False, True),
            patch=4,
            placed=True,
            embedding=512,
            dropout=0.1,
        ),
        engine=EngineSettings(
            batch=64,
            optimizer=AdamWSpec(lr=4e-4, weight_decay=0.01),
            learning_rate=LearningRate(warmup=50_000, cooldown=0.2),
        ),
        budget=BudgetSettings(minutes=240),
    )


RECIPES: Mapping[str, Callable[[], AudioRecipe]] = MappingProxyType(
    {
        "audio": spectrogram,
        "audio-words": words,
        "audio-waveform": waveform,
        "audio-large": large,
    }
)
