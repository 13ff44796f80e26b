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
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.image.medium import ImageMedium
from sfumato.media.numbers import NumberMedium
from sfumato.media.text.medium import TextMedium
from sfumato.model.model import Model

VIEWS: Mapping[type, type[View]] = MappingProxyType(
    {
        ImageMedium: ImageView,
        AudioMedium: AudioView,
        TextMedium: TextView,
        NumberMedium: NumberView,
    }
)


def view_of(model: Model[Any]) -> type[View]:
    """The view of a model's medium, or of the nearest of its base classes."""
    kinds = model.spec.medium.__mro__
    return next(VIEWS[kind] for kind in kinds if kind in VIEWS)
