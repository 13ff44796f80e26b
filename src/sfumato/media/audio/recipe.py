"""What a recipe for sounds holds."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from sfumato.media.audio.settings import AudioSettings, WaveformSpec
from sfumato.recipes.recipe import GaussianRecipe


class AudioRecipe(GaussianRecipe):
    """The whole plan of a run on sounds.

    Attributes:
        medium: How files become tensors.
    """

    medium: AudioSettings = AudioSettings()

    @model_validator(mode="after")
    def _axes_agree(self) -> Self:
        spec = self.medium.representation
        axes = 1 if isinstance(spec, WaveformSpec) else 2
        if self.backbone.axes != axes:
            number = "one axis" if axes == 1 else "two axes"
            raise ValueError(f"a {spec.kind} has {number}: set backbone.axes={axes}")
        return self
