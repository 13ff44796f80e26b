"""The level of white noise in a picture or a sound, estimated from itself."""

from __future__ import annotations

import math

from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.sides import require_sides

# The median of the absolute value of a standard normal number.
_MEDIAN = 0.6744897501960817


def estimate_noise(y: Tensor) -> Tensor:
    """The standard deviation of white noise in each sample.

    Smooth content vanishes in differences of high order: the second ones along both sides of a
    picture (Immerkær 1996, "Fast noise variance estimation"), the fourth ones of a sound. Edges and
    attacks are rare among them, so that the median of their absolute values, over that of normal
    numbers, tells of the noise (Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet
    shrinkage"). Fine texture counts as noise, so the estimate is too high rather than too low.
    It is too low where values were clipped or smoothed after the noise was added.

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
    order = 4 // len(sides)
    differences = y.double()
    for axis in range(2, y.ndim):
        # Of independent numbers the difference of order n has the variance (2n over n).
        differences = differences.diff(order, dim=axis) / math.sqrt(math.comb(2 * order, order))
    return differences.abs().flatten(1).median(1).values / _MEDIAN
