"""Recipes for text. Their figures were chosen by measurement; see ``docs/recipes.md``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from sfumato.engine.optim import MuonSpec
from sfumato.engine.settings import EngineSettings, LearningRate
from sfumato.media.text.settings import TextSettings
from sfumato.nets.specs import TokenBackbone, TokenTransformerSpec
from sfumato.objective import AnyTokenObjective, Bound
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import AnyKeep, LinearKeep
from sfumato.process.times import AnyTokenTimes, UniformTimes
from sfumato.recipes.recipe import BudgetSettings, Part, RecipeBase, SamplingDefaults
from sfumato.sampling.tokens import Ancestral, AnyTokenSampler, Confidence


class MaskingSpec(Part):
    """The masking process, see `sfumato.process.categorical.Masking`."""

    kind: Literal["masking"] = "masking"
    keep: AnyKeep = LinearKeep()

    def build(self, size: int) -> CategoricalProcess:
        """The process on ``size`` clean tokens."""
        return Masking(self.keep, size)


class UniformSpec(Part):
    """The uniform process, which replaces tokens, see `sfumato.process.categorical.Uniform`."""

    kind: Literal["uniform"] = "uniform"
    keep: AnyKeep = LinearKeep()

    def build(self, size: int) -> CategoricalProcess:
        """The process on ``size`` clean tokens."""
        return Uniform(self.keep, size)


AnyProcess = Annotated[MaskingSpec | UniformSpec, Field(discriminator="kind")]
"""The closed registry of categorical processes, as specs without the number of tokens."""


class TextSamplingSettings(SamplingDefaults):
    """The default settings of sampling."""

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
        times: The distribution of the times of training.
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
    def _no_time_under_masking(self) -> Self:
        # For a text with gaps or of other lengths no time agrees with its share of masks.
        if self.backbone.uses_level and isinstance(self.process, MaskingSpec):
            raise ValueError(
                "backbone.timed is for the uniform process: under masking the masks show the time"
            )
        return self


def text() -> TextRecipe:
    """Masked diffusion on characters, for a laptop's CPU and some minutes."""
    return TextRecipe(
        name="text",
        medium=TextSettings(context=256),
        backbone=TokenTransformerSpec(dim=128, depth=6, heads=2),
        engine=EngineSettings(
            batch=16,
            optimizer=MuonSpec(lr=0.02),
            learning_rate=LearningRate(warmup=1_000, cooldown=0.4),
        ),
        budget=BudgetSettings(minutes=20),
        sampling=TextSamplingSettings(steps=128),
    )


def pieces() -> TextRecipe:
    """Masked diffusion on pieces of words (extra `text`): longer passages, correct spelling."""
    return TextRecipe(
        name="text-bpe",
        medium=TextSettings(tokens="bpe", vocabulary=2048, context=128),
        backbone=TokenTransformerSpec(dim=192, depth=5, heads=3),
        engine=EngineSettings(
            batch=16,
            optimizer=MuonSpec(lr=0.01),
            learning_rate=LearningRate(warmup=1_000, cooldown=0.4),
        ),
        budget=BudgetSettings(minutes=20),
        sampling=TextSamplingSettings(steps=128),
    )


def molecules() -> TextRecipe:
    """Short lines in a notation such as SMILES, on pieces of it (extra `text`), packed."""
    return TextRecipe(
        name="text-molecules",
        medium=TextSettings(
            tokens="bpe", vocabulary=1024, across_words=True, context=64, split="line"
        ),
        backbone=TokenTransformerSpec(dim=128, depth=6, heads=2),
        engine=EngineSettings(
            batch=64,
            optimizer=MuonSpec(lr=0.02),
            learning_rate=LearningRate(warmup=1_000, cooldown=0.4),
        ),
        budget=BudgetSettings(minutes=20),
        # One wrong token makes a molecule invalid, so likely tokens matter more than diversity.
        sampling=TextSamplingSettings(sampler=Confidence(), steps=64, temperature=0.5, top_p=0.9),
    )


def large() -> TextRecipe:
    """Masked diffusion on pieces of words, for a GPU and some hours."""
    return TextRecipe(
        name="text-large",
        medium=TextSettings(tokens="bpe", vocabulary=8192, context=512),
        backbone=TokenTransformerSpec(dim=768, depth=12, heads=12),
        engine=EngineSettings(
            batch=128,
            optimizer=MuonSpec(lr=0.01),
            learning_rate=LearningRate(warmup=100_000, cooldown=0.3),
        ),
        budget=BudgetSettings(minutes=240),
        sampling=TextSamplingSettings(steps=256),
    )


RECIPES: Mapping[str, Callable[[], TextRecipe]] = MappingProxyType(
    {"text": text, "text-bpe": pieces, "text-molecules": molecules, "text-large": large}
)
