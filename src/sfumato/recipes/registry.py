"""The recipes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sfumato.errors import SettingError, suggest
from sfumato.recipes import image
from sfumato.recipes.recipe import Recipe

RECIPES: Mapping[str, Callable[[], Recipe]] = MappingProxyType(
    {
        "image": image.unet,
        "image-transformer": image.transformer,
        "image-large": image.large,
    }
)
DEFAULT = "image"


def find(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        SettingError: There is none.
    """
    if name not in RECIPES:
        raise SettingError(f"There is no recipe '{name}'.", hint=suggest(name, RECIPES))
    return RECIPES[name]()


def summary(name: str) -> str:
    """One line about a recipe: the first of its docstring."""
    return (RECIPES[name].__doc__ or "").strip().splitlines()[0]
