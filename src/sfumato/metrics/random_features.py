"""Features of images from a fixed network of random weights, without training or downloads.

Random convolutions with a rectifier and pooling preserve much of what distinguishes images (Jarrett
et al. 2009, "What is the best multi-stage architecture for object recognition?", ICCV). The two
stages are arranged as in a scattering transform (Bruna and Mallat 2013, arXiv:1203.1513):
magnitudes of filters, and magnitudes of filters on those.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d, pad

from sfumato.metrics.extractor import identity_of
from sfumato.metrics.image_input import LEAST_SIDE, batch_size, extract_features, require_channels
from sfumato.process.rng import Stream, normal

_VERSION = 1
# The number of filters of the first stage by their side; at most that of the pixels of a grey
# filter.
_FIRST = {3: 8, 5: 16}
_SECOND_SIDE, _SECOND = 3, 32
_SCALES = 3
_COLOURS = 4
_PLACES = 2
# In natural images the correlation of two pixels falls off over about this distance, and that of
# two channels of one pixel has about this value (Ruderman et al. 1998, "Statistics of cone
# responses").
_REACH = 16.0
_CHANNELS_ALIKE = 0.8
# With this gain, colours vary between images about as much as the responses at one scale.
_GAIN = 2.0
_PIXELS = 1 << 18


class RandomFeatures:
    """Colours on a coarse grid, and magnitudes of random filters at three scales.

    A vector holds, for pixels scaled to [-1, 1],

    - of each channel the means over 4 x 4 cells and the deviation, times 2 (17 C);
    - of the image at full size, at about 8 pixels a side, and at the geometric mean of the two, the
      mean magnitudes of 24 filters over 2 x 2 cells and their deviations (120), and the mean
      magnitudes of 32 filters of the second stage (32).

    The filters are random, and orthogonal after whitening: the pixels of natural images, which are
    correlated, give each filter about the same variance, so that fine detail, at which models fail,
    counts as much as large shapes. Vectors can be compared if the images have one size and one
    number of channels.

    They do not recognise objects: images are near if their textures, colours and layout are. The
    same images give the same vectors on one machine.

    Args:
        channels: The C of the images: 1, 3 or 4.
        seed: The seed of the weights.
    """

    name = "random-features"

    def __init__(self, channels: int, seed: int = 0) -> None:
        # Hashed, so that the weights share no address with the noise of a run of the same seed.
        text = f"random features {_VERSION} {seed}".encode()
        key = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
        self._channels = channels
        self._filters = [
            _filters(key, index, channels, side, count, _CHANNELS_ALIKE)
            for index, (side, count) in enumerate(_FIRST.items())
        ]
        count = sum(_FIRST.values())
        self._second = _filters(key, len(_FIRST), count, _SECOND_SIDE, _SECOND, 0.0)
        self.dimension = channels * (_COLOURS**2 + 1) + _SCALES * (
            count * (_PLACES**2 + 1) + _SECOND
        )

    @cached_property
    def identity(self) -> str:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        weights = {f"first {k}": filters for k, filters in enumerate(self._filters)}
        return identity_of(f"{self.name} {_VERSION}", {**weights, "second": self._second})

    def __call__(self, items: NDArray[np.uint8]) -> Tensor:
        """Turn images into vectors.

        Args:
            items: Shape (B, C, H, W), with the C of this extractor, sides >= 8.

        Returns:
            float32, shape (B, dimension).

        Raises:
            DataError: These are not images.
            ValueError: They have another number of channels.
        """
        require_channels(items, self._channels)
        return extract_features(items, self._vectors, self.dimension, batch_size(items, _PIXELS))

    def _vectors(self, images: Tensor) -> Tensor:
        x = images.float() / 127.5 - 1
        parts = [
            _GAIN * adaptive_avg_pool2d(x, _COLOURS).flatten(1),
            _GAIN * x.flatten(2).std(2, correction=0),
        ]
        for scale in range(_SCALES):
            parts += self._of_scale(adaptive_avg_pool2d(x, _sides(x, scale)))
        return torch.cat(parts, 1)

    def _of_scale(self, x: Tensor) -> list[Tensor]:
        first = torch.cat([_same(x, filters) for filters in self._filters], 1).abs_()
        second = _same(avg_pool2d(first, 2), self._second).abs_()
        return [
            adaptive_avg_pool2d(first, _PLACES).flatten(1),
            first.flatten(2).std(2, correction=0),
            second.mean((2, 3)),
        ]


def _sides(x: Tensor, scale: int) -> tuple[int, int]:
    """Height and width at a scale: from those of the image to the smallest, in equal factors."""
    share = scale / (_SCALES - 1)
    height, width = (round(side ** (1 - share) * LEAST_SIDE**share) for side in x.shape[2:])
    return height, width


def _same(x: Tensor, filters: Tensor) -> Tensor:
    """Filter at constant size; edge pixels are repeated beyond the edge."""
    margin = filters.shape[-1] // 2
    return conv2d(pad(x, (margin,) * 4, mode="replicate"), filters)


def _filters(key: int, index: int, channels: int, side: int, count: int, alike: float) -> Tensor:
    """Random filters whose responses to pixels of the assumed covariance are white.

    Args:
        key: The seed of the weights.
        index: The index of the layer.
        channels: The number of input channels.
        side: The side of a filter in pixels.
        count: The number of filters, at most ``channels * side ** 2``.
        alike: The correlation of the channels of one pixel, in [0, 1).

    Returns:
        Shape (count, channels, side, side).
    """
    rows = torch.arange(side, dtype=torch.float64)
    places = torch.cartesian_prod(rows, rows)
    near = torch.exp(-torch.cdist(places, places) / _REACH)
    colours = alike + (1 - alike) * torch.eye(channels, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(torch.kron(colours, near))
    whitening = vectors @ torch.diag(values.rsqrt()) @ vectors.T
    size = channels * side**2
    drawn = normal(key, Stream.PRIOR, [index], (size, count))[0].double()
    orthogonal = torch.linalg.qr(drawn).Q
    filters: Tensor = (orthogonal.T @ whitening).reshape(count, channels, side, side).float()
    return filters
