"""Features of pictures from the principal components of the training pictures' own patches.

What small patches look like, and where, tells textures apart without a trained network: filters
that are principal components of patches, and histograms of what they find, came close to trained
networks on several sets (PCANet, Chan et al. 2014, arXiv:1404.3606).
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
from sfumato.metrics.identity import identity_of
from sfumato.metrics.picture_input import at_once, check, extracted, require_channels

_VERSION = 1
_SIDE = 7
_COMPONENTS = 32
_PLACES = 2
_PICTURES = 1000
# Patches of one picture lie on a grid of at most so many rows and columns.
_ROWS = 16
# A component with less than this share of the variance of all is not scaled up to the others: it is
# noise, or rounding.
_FLOOR = 1e-4
_PIXELS = 1 << 18

_UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class PatchComponents:
    """How strongly the principal components of patches are found, and where.

    The components are those of patches of 7 x 7 pixels, at most 32 of them, each scaled so that it
    varies by about 1 in the training pictures. A vector holds the mean of each, and the mean of its
    magnitude, over 2 x 2 cells.

    They see textures, edges and colours, and the layout in quarters; a shape that is larger than 7
    pixels is not seen. Vectors can be compared if the pictures have one size.

    Attributes:
        moments: What the components are derived from: sums over patches of 1, x and x x^T, as
            whole numbers, hence the same on any machine; int64, shape (1 + d, 1 + d), d = 49 C.
    """

    moments: Tensor

    name = "patch-components"

    @classmethod
    def of(cls, pictures: _UInt8) -> PatchComponents:
        """The components of training pictures.

        Args:
            pictures: uint8, shape (B, C, H, W), sides >= 8, C = 1, 3 or 4; of more than 1000, 1000
                evenly spaced ones count, and of each at most 256 evenly spaced patches.

        Raises:
            DataError: These are no pictures, or they are all of one colour.
        """
        check(pictures)
        count = min(len(pictures), _PICTURES)
        rows = np.arange(count) * len(pictures) // max(count, 1)
        size = 1 + pictures.shape[1] * _SIDE**2
        moments = torch.zeros(size, size, dtype=torch.float64)
        for picture in pictures[rows]:
            patches = _patches(picture)
            moments += patches.T @ patches
        # Exact in float64: at most 1000 x 256 products below 2**16.
        found = cls(moments.long())
        if not found._covariance.trace() > 0:
            raise DataError(
                f"The patches of {count:,} training pictures have no components.",
                why="each picture is of one and the same colour"
                if count
                else "there are no pictures",
            )
        return found

    @property
    def dimension(self) -> int:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        return 2 * _PLACES**2 * len(self._filters)

    @cached_property
    def identity(self) -> str:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        return identity_of(f"{self.name} {_VERSION}", {"moments": self.moments})

    def __call__(self, items: _UInt8) -> Tensor:
        """Turn pictures into vectors.

        Args:
            items: Shape (B, C, H, W), with as many channels as those of training, sides >= 8.

        Returns:
            float32, shape (B, dimension).

        Raises:
            DataError: These are no pictures.
            ValueError: They have another number of channels.
        """
        require_channels(items, self._filters.shape[1])
        return extracted(items, self._vectors, self.dimension, at_once(items, _PIXELS))

    def _vectors(self, pictures: Tensor) -> Tensor:
        # Beyond the edge a picture goes on as it ends, so that its rim counts like the rest.
        x = pad(pictures.float(), (_SIDE // 2,) * 4, mode="replicate")
        found = conv2d(x, self._filters, self._shift)
        cells = [adaptive_avg_pool2d(each, _PLACES).flatten(1) for each in (found, found.abs())]
        return torch.cat(cells, 1)

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
        # Which of two opposite vectors is found is up to the machine.
        largest = vectors.abs().argmax(0, keepdim=True)
        vectors = vectors * vectors.gather(0, largest).sign()
        scaled = vectors / (values.clamp_min(0) + _FLOOR * values.sum()).sqrt()
        filters: Tensor = scaled.T.reshape(len(values), -1, _SIDE, _SIDE).float()
        return filters

    @cached_property
    def _shift(self) -> Tensor:
        return -(self._filters.flatten(1).double() @ self._mean).float()


def _patches(picture: _UInt8) -> Tensor:
    """Evenly spaced patches of a picture, each after a 1: float64, shape (n, 1 + 49 C)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (_SIDE, _SIDE), axis=(1, 2))
    rows, columns = (
        np.unique(np.linspace(0, size - 1, min(size, _ROWS)).astype(np.int64))
        for size in windows.shape[1:3]
    )
    chosen = windows[:, rows][:, :, columns].transpose(1, 2, 0, 3, 4)
    flat = torch.from_numpy(chosen.astype(np.float64).reshape(len(rows) * len(columns), -1))
    return torch.cat([torch.ones(len(flat), 1, dtype=torch.float64), flat], 1)
