"""Recipes for pictures. Their figures were chosen by measurement; see ``docs/recipes.md``."""

from __future__ import annotations

from sfumato.engine.learning_rate import LearningRate
from sfumato.engine.optim import AdamWSpec
from sfumato.engine.settings import EngineSettings
from sfumato.media.image import ImageSettings
from sfumato.nets.specs import TransformerSpec, UNetSpec
from sfumato.process.times import LogNormal
from sfumato.recipes.recipe import BudgetSettings, Recipe


def unet() -> Recipe:
    """A U-Net that learns small pictures on a laptop's CPU in minutes."""
    return Recipe(
        name="image",
        medium=ImageSettings(size=32),
        times=LogNormal(mean=-0.8, std=1.4),
        backbone=UNetSpec(),
        engine=EngineSettings(
            batch=64,
            optimizer=AdamWSpec(lr=1e-3, weight_decay=0.01),
            learning_rate=LearningRate(warmup=10_000, cooldown=0.25),
        ),
        budget=BudgetSettings(minutes=15),
    )


def transformer() -> Recipe:
    """A transformer on 4 x 4 patches, for the same small pictures."""
    return unet().model_copy(
        update={
            "name": "image-transformer",
            "backbone": TransformerSpec(patch=4, dim=256, depth=6, heads=4),
        }
    )


def large() -> Recipe:
    """A larger U-Net at 64 x 64, for a GPU and some hours."""
    return Recipe(
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
            compile="auto",
        ),
        budget=BudgetSettings(minutes=240),
    )
