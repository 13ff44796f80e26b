"""Recipes: the whole plan of a run, typed, validated and complete.

What all media share stands here; each medium adds its own recipe and names its ready-made ones
(``media.image.recipes``, ``media.audio.recipes``, ``media.text.recipes``). A user changes single
settings by name. What is written to a run's ``spec.json`` is the result, with nothing left to a
default that could change.
"""

from sfumato.recipes.overrides import override
from sfumato.recipes.recipe import GaussianRecipe, RecipeBase

__all__ = ["GaussianRecipe", "RecipeBase", "override"]
