"""How similar a restored picture or sound is to the true one."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.errors import DataError

# A limit, as equal pictures would have an infinite ratio and no mean with others.
_MOST_DECIBELS = 100.0

SMALLEST = 11
"""The least side of a picture that has a structural similarity: that of the window."""

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def peak_signal_to_noise(a: Tensor, b: Tensor, extent: float) -> Tensor:
    """The peak signal-to-noise ratio of each pair, in decibels, at most 100.

    Args:
        a, b: Items of one shape, (B, ...); they broadcast.
        extent: The difference between the largest and the smallest possible value.

    Returns:
        float64, shape (B,).
    """
    error = (a.double() - b.double()).square().flatten(1).mean(1)
    least = extent**2 * 10 ** (-_MOST_DECIBELS / 10)
    return 10 * torch.log10(extent**2 / error.clamp_min(least))


def structural_similarity(a: Tensor, b: Tensor, extent: float) -> Tensor:
    """The mean structural similarity of each pair, at most 1 (equal pictures).

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural
    similarity", section III-B: local means, variances and covariances in a Gaussian window of 11 x
    11 pixels with a standard deviation of 1.5, K1 = 0.01 and K2 = 0.03; the mean is over all places
    where the window lies within the picture, and over the channels.

    Args:
        a, b: Pictures of one shape, (B, C, H, W), with sides of at least 11 pixels; they broadcast.
        extent: The difference between the largest and the smallest possible value.

    Returns:
        float64, shape (B,).

    Raises:
        DataError: The pictures are smaller than the window.
    """
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = a.double().expand(shape), b.double().expand(shape)
    if min(a.shape[2:]) < SMALLEST:
        raise DataError(
            f"Pictures of {a.shape[-1]} x {a.shape[-2]} pixels have no structural similarity.",
            why=f"its window has {SMALLEST} x {SMALLEST} pixels",
        )
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a = _windowed(a * a) - mean_a.square()
    variance_b = _windowed(b * b) - mean_b.square()
    covariance = _windowed(a * b) - mean_a * mean_b
    c1, c2 = (_K1 * extent) ** 2, (_K2 * extent) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return (luminance * structure).flatten(1).mean(1)


def _windowed(x: Tensor) -> Tensor:
    """Local means in the Gaussian window, without the border."""
    places = torch.arange(SMALLEST, dtype=x.dtype) - SMALLEST // 2
    weights = torch.exp(-0.5 * (places / _SIGMA).square())
    weights = (weights / weights.sum()).to(x.device)
    channels = x.shape[1]
    column = weights.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1)
    row = weights.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(x, column, groups=channels), row, groups=channels)


def log_spectral_distance(a: Tensor, b: Tensor, range_decibels: float = 60.0) -> Tensor:
    """The distance of two sounds in their log spectra, in decibels.

    The root mean square over frequency of the difference of the levels, averaged over time: Gray
    and Markel 1976, "Distance measures for speech processing", eq. 4, for each frame. Energies that
    lie ``range_decibels`` or more below the largest one of ``b`` count as equal, since the
    logarithm would otherwise measure silence.

    Args:
        a, b: Energies, not negative, shape (B, ..., bins, frames); they broadcast.
        range_decibels: Above 0.

    Returns:
        float64, shape (B,).
    """
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = a.double().expand(shape), b.double().expand(shape)
    loudest = b.flatten(1).amax(1).clamp_min(torch.finfo(torch.float64).tiny)
    floor = loudest * 10 ** (-range_decibels / 10)
    floor = floor.reshape(-1, *(1 for _ in b.shape[1:]))
    difference = 10 * torch.log10(torch.maximum(a, floor) / torch.maximum(b, floor))
    return difference.square().mean(-2).sqrt().flatten(1).mean(1)
