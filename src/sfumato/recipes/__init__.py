"""Recipes: the whole plan of a run, typed, validated and complete.

A recipe function returns a finished :class:`~sfumato.recipes.RecipeBase`; a user changes single
settings of it by name. What is written to a run's ``spec.json`` is the result, with nothing left
to a default that could change.
"""

from sfumato.recipes.audio_recipe import AudioRecipe
from sfumato.recipes.image_recipe import ImageRecipe
from sfumato.recipes.overrides import override
from sfumato.recipes.recipe import GaussianRecipe, RecipeBase
from sfumato.recipes.registry import DEFAULT, RECIPES, AnyRecipe, find
from sfumato.recipes.text_recipe import TextRecipe

__all__ = [
    "DEFAULT",
    "RECIPES",
    "AnyRecipe",
    "AudioRecipe",
    "GaussianRecipe",
    "ImageRecipe",
    "RecipeBase",
    "TextRecipe",
    "find",
    "override",
]
