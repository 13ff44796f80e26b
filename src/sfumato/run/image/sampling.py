"""Sampling pictures."""

from __future__ import annotations

from sfumato.media.image import ImageMedium
from sfumato.run.directory import RunDirectory
from sfumato.run.gaussian.sampling import GaussianModel
from sfumato.run.model import LATEST
from sfumato.run.spec import Spec


class ImageModel(GaussianModel[ImageMedium]):
    """A run's trained model of pictures, ready to sample; see :class:`GaussianModel`."""

    def __init__(self, directory: RunDirectory, spec: Spec, snapshot: str = LATEST) -> None:
        super().__init__(directory, spec, snapshot)
        self.medium = ImageMedium(spec.image.medium)

    def seconds_of(self, filled: float) -> None:
        """Pictures have no time."""
        return None
