"""What a recipe for text holds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from sfumato.media.text.settings import TextSettings
from sfumato.nets.specs import TokenBackbone, TokenTransformerSpec
from sfumato.objective import AnyTokenObjective, Bound
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import AnyKeep, LinearKeep
from sfumato.process.times import AnyTokenTimes, UniformTimes
from sfumato.recipes.recipe import Part, RecipeBase
from sfumato.sampling.tokens import Ancestral, AnyTokenSampler


class MaskingSpec(Part):
    """Tokens are masked (`sfumato.process.categorical.Masking`)."""

    kind: Literal["masking"] = "masking"
    keep: AnyKeep = LinearKeep()

    def build(self, size: int) -> CategoricalProcess:
        """The process over so many clean tokens."""
        return Masking(self.keep, size)


class UniformSpec(Part):
    """Tokens are replaced by any others (`sfumato.process.categorical.Uniform`)."""

    kind: Literal["uniform"] = "uniform"
    keep: AnyKeep = LinearKeep()

    def build(self, size: int) -> CategoricalProcess:
        """The process over so many clean tokens."""
        return Uniform(self.keep, size)


AnyProcess = Annotated[MaskingSpec | UniformSpec, Field(discriminator="kind")]
"""The closed registry of categorical processes, as specs without the number of tokens."""


class TextSamplingSettings(Part):
    """How the run's model is sampled when nothing else is asked for."""

    sampler: AnyTokenSampler = Ancestral()
    steps: PositiveInt = Field(128, description="network evaluations per text, at most")
    scale: float = Field(
        1.0, description="guidance towards the label, 1 = off; not used without classes"
    )
    temperature: float = Field(1.0, gt=0, le=1000, description="below 1 = safer tokens, 1 = off")
    top_p: float = Field(
        1.0, gt=0, le=1, description="draw from the likeliest tokens that make up this share"
    )


class TextRecipe(RecipeBase):
    """The whole plan of a run on text.

    Attributes:
        medium: How files become tokens.
        process: How tokens are corrupted.
        times: Which times are trained on.
        objective: The training criterion.
        backbone: The network.
        sampling: How to sample by default.
    """

    medium: TextSettings = TextSettings()
    process: AnyProcess = MaskingSpec()
    times: AnyTokenTimes = UniformTimes()
    objective: AnyTokenObjective = Bound()
    backbone: TokenBackbone = TokenTransformerSpec()
    sampling: TextSamplingSettings = TextSamplingSettings()

    @model_validator(mode="after")
    def _time_is_not_told_twice(self) -> Self:
        # A text with gaps or of many lengths has no one time that would agree with its masks.
        if self.backbone.uses_level and isinstance(self.process, MaskingSpec):
            raise ValueError(
                "backbone.timed is for the uniform process: under masking the masks show the time"
            )
        return self
