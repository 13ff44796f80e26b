"""The view of each medium: what an evaluation needs to know of it.

A medium of numbers without a view of its own is evaluated by :class:`NumberView`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sfumato.evaluation.of.audio import AudioView
from sfumato.evaluation.of.image import ImageView
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.of.text import TextView
from sfumato.evaluation.of.view import View
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.image.recipe import ImageRecipe
from sfumato.media.text.recipe import TextRecipe
from sfumato.model.model import Trained
from sfumato.recipes import GaussianRecipe

VIEWS: Mapping[type, type[View]] = MappingProxyType(
    {
        ImageRecipe: ImageView,
        AudioRecipe: AudioView,
        TextRecipe: TextView,
        GaussianRecipe: NumberView,
    }
)


def view_of(model: Trained[Any]) -> type[View]:
    """The view of a model's medium, or of the nearest of its base classes."""
    kinds = type(model.spec.recipe).__mro__
    return next(VIEWS[kind] for kind in kinds if kind in VIEWS)
