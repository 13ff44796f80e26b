"""What a recipe for pictures holds."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from sfumato.media.image.medium import ImageSettings
from sfumato.recipes.recipe import GaussianRecipe


class ImageRecipe(GaussianRecipe):
    """The whole plan of a run on pictures.

    Attributes:
        medium: How files become tensors.
    """

    medium: ImageSettings = ImageSettings()

    @model_validator(mode="after")
    def _has_two_axes(self) -> Self:
        if self.backbone.axes != 2:
            raise ValueError("pictures have two axes: set backbone.axes=2")
        return self
