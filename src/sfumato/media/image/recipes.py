"""Recipes for images. Their figures were chosen by measurement; see ``docs/recipes.md``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self

from pydantic import model_validator

from sfumato.engine.optim import AdamWSpec, MuonSpec
from sfumato.engine.settings import EngineSettings, LearningRate
from sfumato.media.image.settings import ImageSettings
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


class ImageRecipe(GaussianRecipe):
    """The whole plan of a run on images.

    Attributes:
        medium: How files become tensors.
    """

    medium: ImageSettings = ImageSettings()

    @model_validator(mode="after")
    def _has_two_axes(self) -> Self:
        if self.backbone.axes != 2:
            raise ValueError("images have two axes: set backbone.axes=2")
        return self


# A model that was trained for minutes errs at every step; fresh noise lets later steps correct it.
# With guidance 2 a classifier recognised all digits as their class, instead of nine in ten.
_FORGIVING = SamplingSettings(
    sampler=StochasticHeun(churn=80.0, grid=EDMGrid(low=0.05)), steps=100, scale=2.0
)


def unet() -> ImageRecipe:
    """A U-Net that learns small images on a laptop's CPU in minutes."""
    return ImageRecipe(
        name="image",
        medium=ImageSettings(size=32),
        times=LogNormal(mean=-0.5, std=1.4),
        backbone=UNetSpec(
            widths=(32, 48, 96, 192),
            blocks=(1, 1, 1, 2),
            attention=(False, False, False, True),
            patch=1,
        ),
        engine=EngineSettings(
            batch=64,
            optimizer=MuonSpec(lr=4e-3),
            learning_rate=LearningRate(warmup=4_000, cooldown=0.3),
        ),
        budget=BudgetSettings(minutes=15),
        sampling=_FORGIVING,
    )


def words() -> ImageRecipe:
    """The U-Net of image, which learns from captions instead of classes."""
    return with_words(unet(), "image-words")


def transformer() -> ImageRecipe:
    """A transformer on 4 x 4 patches, for the same small images."""
    return ImageRecipe(
        name="image-transformer",
        medium=ImageSettings(size=32),
        times=LogNormal(mean=-0.5, std=1.4),
        backbone=TransformerSpec(patch=4, dim=384, depth=6, heads=4, activation="squared-relu"),
        engine=EngineSettings(
            batch=64,
            optimizer=AdamWSpec(lr=1e-3, weight_decay=0.01),
            learning_rate=LearningRate(warmup=4_000, cooldown=0.3),
        ),
        budget=BudgetSettings(minutes=15),
        sampling=_FORGIVING,
    )


def large() -> ImageRecipe:
    """A larger U-Net at 64 x 64, for a GPU and some hours."""
    return ImageRecipe(
        name="image-large",
        medium=ImageSettings(size=64),
        times=LogNormal(mean=-0.4, std=1.4),
        backbone=UNetSpec(
            widths=(128, 256, 512),
            blocks=(2, 3, 4),
            attention=(False, True, True),
            embedding=512,
            dropout=0.1,
        ),
        engine=EngineSettings(
            batch=256,
            optimizer=AdamWSpec(lr=4e-4, weight_decay=0.01),
            learning_rate=LearningRate(warmup=200_000, cooldown=0.2),
        ),
        budget=BudgetSettings(minutes=240),
    )


RECIPES: Mapping[str, Callable[[], ImageRecipe]] = MappingProxyType(
    {
        "image": unet,
        "image-words": words,
        "image-transformer": transformer,
        "image-large": large,
    }
)
