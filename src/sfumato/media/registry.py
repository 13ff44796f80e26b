"""The recipes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from sfumato.errors import SettingError, suggest
from sfumato.media.audio import recipes as audio
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.image import recipes as image
from sfumato.media.image.recipe import ImageRecipe
from sfumato.media.text import recipes as text
from sfumato.media.text.recipe import TextRecipe


def _medium(recipe: Any) -> str:
    """The medium of a recipe, or of a recipe as plain data; pictures do not name theirs."""
    if isinstance(recipe, TextRecipe | AudioRecipe):
        return recipe.medium.kind
    if not isinstance(recipe, dict):
        return "image"
    medium = recipe.get("medium")
    return str(medium.get("kind", "image")) if isinstance(medium, dict) else "image"


AnyRecipe = Annotated[
    Annotated[ImageRecipe, Tag("image")]
    | Annotated[TextRecipe, Tag("text")]
    | Annotated[AudioRecipe, Tag("audio")],
    Discriminator(_medium),
]
"""A recipe for any medium, as read from a spec."""

RECIPES: Mapping[str, Callable[[], AnyRecipe]] = MappingProxyType(
    {
        "image": image.unet,
        "image-transformer": image.transformer,
        "image-large": image.large,
        "text": text.text,
        "text-bpe": text.pieces,
        "text-molecules": text.molecules,
        "text-large": text.large,
        "audio": audio.spectrogram,
        "audio-waveform": audio.waveform,
        "audio-large": audio.large,
    }
)
DEFAULT = "image"


def find(name: str) -> AnyRecipe:
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
