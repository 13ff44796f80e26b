"""Recipes: the whole plan of a run, typed, validated and complete.

This package holds what the recipes of all media share. Each medium adds a recipe class of its own
and some ready-made recipes (``media.image.recipes``, ``media.audio.recipes``,
``media.text.recipes``). A user changes single settings by name. The result is written to the run's
``spec.json`` with every setting stated, so that a default that changes later does not change it.
"""

from sfumato.recipes.overrides import override
from sfumato.recipes.recipe import GaussianRecipe, RecipeBase

__all__ = ["GaussianRecipe", "RecipeBase", "override"]
