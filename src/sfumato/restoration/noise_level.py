"""The level of white noise in a picture or a sound, estimated from itself."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.sides import require_sides

# Differences beyond so many deviations are edges or attacks.
_LIMIT = 2.5
# The median of the absolute value of a standard normal number, of all and of those below the limit.
_MEDIAN = NormalDist().inv_cdf(0.75)
_MEDIAN_BELOW = NormalDist().inv_cdf(0.25 + NormalDist().cdf(_LIMIT) / 2)
_ROUNDS = 30


def estimate_noise(y: Tensor) -> Tensor:
    """The standard deviation of white noise in each sample.

    Smooth content vanishes in differences: of neighbours along both sides of a picture, and those
    of order 4 in a sound. The median of their absolute values, over that of normal numbers, tells
    of the noise if edges are rare (Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet
    shrinkage"). Edges are not so rare in small pictures: differences beyond 2.5 of the deviations
    found are left out, and so on until nothing changes.

    Fine texture counts as noise, so that the estimate is too high rather than too low: for pictures
    of overlapping discs, whose statistics are near those of photographs, and noise from 0.01 to 0.5
    by up to 5 % in 64 x 64 pixels, and by up to 12 % in 32 x 32. It is too low where values were
    clipped or smoothed after the noise was added.

    Args:
        y: Pictures (B, C, H, W) or waveforms (B, C, T) of at least 5 places along each side.

    Returns:
        In the units of ``y``, float64, shape (B,).

    Raises:
        SettingError: The data have another number of sides, or too short ones.
    """
    sides = require_sides("An estimate of the noise", y.shape[1:])
    if min(sides) < 5:
        raise SettingError(
            "The level of the noise cannot be estimated.",
            why=f"the data have sides {sides}, and at least 5 places along each are needed",
            hint="state the level.",
        )
    order = 1 if len(sides) == 2 else 4
    differences = y.double()
    for axis in range(2, y.ndim):
        # Of independent numbers the difference of order n has the variance (2n over n).
        differences = differences.diff(order, dim=axis) / math.sqrt(math.comb(2 * order, order))
    sizes = differences.abs().flatten(1).sort(1).values
    deviation = sizes[:, sizes.shape[1] // 2] / _MEDIAN
    for _ in range(_ROUNDS):
        below = torch.searchsorted(sizes, _LIMIT * deviation[:, None], right=True)
        middle = (below // 2).clamp_max(sizes.shape[1] - 1)
        deviation = sizes.gather(1, middle)[:, 0] / _MEDIAN_BELOW
    return deviation
