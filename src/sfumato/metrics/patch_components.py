"""Features of images from the principal components of the training images' own patches.

The look of small patches, and their place, distinguishes textures without a trained network:
filters that are principal components of patches, and histograms of their responses, came close to
trained networks on several sets (PCANet, Chan et al. 2014, arXiv:1404.3606).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, conv2d, pad

from sfumato.errors import DataError
from sfumato.metrics.extractor import identity_of
from sfumato.metrics.image_input import batch_size, check, extract_features, require_channels

_VERSION = 1
_SIDE = 7
_COMPONENTS = 32
_PLACES = 2
_IMAGES = 1000
# The largest number of rows and columns of the grid of patches of an image.
_ROWS = 16
# A component with less than this share of the total variance is noise or rounding, and is not
# scaled up to the others.
_FLOOR = 1e-4
_PIXELS = 1 << 18

_UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class PatchComponents:
    """The responses of images to the principal components of patches, and their places.

    The components are those of patches of 7 x 7 pixels, at most 32 of them, each scaled so that it
    varies by about 1 in the training images. A vector holds the mean of each, and the mean of its
    magnitude, over 2 x 2 cells.

    They capture textures, edges and colours, and the layout in quarters, but no shape that is
    larger than 7 pixels. Vectors can be compared if the images have one size.

    Attributes:
        moments: The sums over patches of 1, x and x x^T, from which the components are derived;
            they are integers, hence the same on any machine; int64, shape (1 + d, 1 + d), d = 49 C.
    """

    moments: Tensor

    name = "patch-components"

    @classmethod
    def of(cls, images: _UInt8) -> PatchComponents:
        """The components of training images.

        Args:
            images: uint8, shape (B, C, H, W), sides >= 8, C = 1, 3 or 4; of more than 1000, 1000
                evenly spaced ones are used, and of each at most 256 evenly spaced patches.

        Raises:
            DataError: These are not images, or each of them has only one colour.
        """
        check(images)
        count = min(len(images), _IMAGES)
        rows = np.arange(count) * len(images) // max(count, 1)
        size = 1 + images.shape[1] * _SIDE**2
        moments = torch.zeros(size, size, dtype=torch.float64)
        for image in images[rows]:
            patches = _patches(image)
            moments += patches.T @ patches
        # Exact in float64: at most 1000 x 256 products below 2**16.
        components = cls(moments.long())
        if not components._covariance.trace() > 0:
            raise DataError(
                f"The patches of {count:,} training images have no components.",
                why="each image has only one colour" if count else "there are no images",
            )
        return components

    @property
    def dimension(self) -> int:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        return 2 * _PLACES**2 * len(self._filters)

    @cached_property
    def identity(self) -> str:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        return identity_of(f"{self.name} {_VERSION}", {"moments": self.moments})

    def __call__(self, items: _UInt8) -> Tensor:
        """Turn images into vectors.

        Args:
            items: Shape (B, C, H, W), with the C of the training images, sides >= 8.

        Returns:
            float32, shape (B, dimension).

        Raises:
            DataError: These are not images.
            ValueError: They have another number of channels.
        """
        require_channels(items, self._filters.shape[1])
        return extract_features(items, self._vectors, self.dimension, batch_size(items, _PIXELS))

    def _vectors(self, images: Tensor) -> Tensor:
        # Edge pixels are repeated beyond the edge, so that the border counts like the rest.
        x = pad(images.float(), (_SIDE // 2,) * 4, mode="replicate")
        responses = conv2d(x, self._filters, self._shift)
        parts = (responses, responses.abs())
        return torch.cat([adaptive_avg_pool2d(part, _PLACES).flatten(1) for part in parts], 1)

    @property
    def _mean(self) -> Tensor:
        return self.moments[0, 1:].double() / self.moments[0, 0]

    @property
    def _covariance(self) -> Tensor:
        return self.moments[1:, 1:].double() / self.moments[0, 0] - torch.outer(
            self._mean, self._mean
        )

    @cached_property
    def _filters(self) -> Tensor:
        """Shape (components, C, 7, 7)."""
        values, vectors = torch.linalg.eigh(self._covariance)
        values, vectors = values.flip(0)[:_COMPONENTS], vectors.flip(1)[:, :_COMPONENTS]
        # The sign of an eigenvector depends on the machine.
        largest = vectors.abs().argmax(0, keepdim=True)
        vectors = vectors * vectors.gather(0, largest).sign()
        scaled = vectors / (values.clamp_min(0) + _FLOOR * values.sum()).sqrt()
        filters: Tensor = scaled.T.reshape(len(values), -1, _SIDE, _SIDE).float()
        return filters

    @cached_property
    def _shift(self) -> Tensor:
        return -(self._filters.flatten(1).double() @ self._mean).float()


def _patches(image: _UInt8) -> Tensor:
    """Evenly spaced patches of an image, each after a 1: float64, shape (n, 1 + 49 C)."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (_SIDE, _SIDE), axis=(1, 2))
    rows, columns = (
        np.unique(np.linspace(0, size - 1, min(size, _ROWS)).astype(np.int64))
        for size in windows.shape[1:3]
    )
    chosen = windows[:, rows][:, :, columns].transpose(1, 2, 0, 3, 4)
    flat = torch.from_numpy(chosen.astype(np.float64).reshape(len(rows) * len(columns), -1))
    return torch.cat([torch.ones(len(flat), 1, dtype=torch.float64), flat], 1)
