"""Sampling pictures."""

from __future__ import annotations

from sfumato.media.image.medium import ImageMedium
from sfumato.model.numbers import GaussianModel
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.runs.weights import LATEST


class ImageModel(GaussianModel[ImageMedium]):
    """A run's trained model of pictures, ready to sample; see :class:`GaussianModel`."""

    def __init__(self, directory: RunDirectory, spec: Spec, snapshot: str = LATEST) -> None:
        super().__init__(directory, spec, snapshot)
        self.medium = ImageMedium(spec.image.medium)

    def seconds_of(self, filled: float) -> None:
        """Pictures have no time."""
        return None
