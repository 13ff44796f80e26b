"""Recipes for text. Their figures were chosen by measurement; see ``docs/recipes.md``."""

from __future__ import annotations

from sfumato.engine.optim import MuonSpec
from sfumato.engine.settings import EngineSettings, LearningRate
from sfumato.media.text.recipe import TextRecipe, TextSamplingSettings
from sfumato.media.text.settings import TextSettings
from sfumato.nets.specs import TokenTransformerSpec
from sfumato.recipes.recipe import BudgetSettings
from sfumato.sampling.tokens import Confidence


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
    """Masked diffusion on pieces of words (extra `text`): longer passages, spelt right."""
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
        # One wrong ring and all is lost: here what is likely is worth more than what is faithful.
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
