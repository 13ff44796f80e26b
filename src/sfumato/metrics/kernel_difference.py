"""Which of two models is nearer to the real data: the difference of two kernel distances.

Two intervals of kernel distances may overlap where the difference is plain: both models are held
against the same real items, and their samples began with the same noise. What they share cancels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

from sfumato.metrics.kernel_distance import Kernel, KernelSums, kernel_sums, require_three


class KernelDifference(NamedTuple):
    """How much farther from the real data the first model is, in squared discrepancy.

    Attributes:
        value: Unbiased; negative if the first model is nearer.
        low, high: They hold the true difference with the stated confidence. An interval around 0
            does not tell which model is nearer.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class _Contrast:
    """``k(a, a') - k(c, c')`` of pairs (a, c), whose features stand side by side in one row."""

    kernel: Kernel

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The contrast of each with each, for shapes (n, 2 d) and (m, 2 d)."""
        first, second = (part.chunk(2, dim=1) for part in (x, y))
        return self.kernel(first[0], second[0]) - self.kernel(first[1], second[1])


@dataclass(frozen=True)
class _Side:
    """What one set of samples, or of pairs of them, adds.

    Attributes:
        own: Of the samples with each other.
        real: Of the samples with the real items.
    """

    own: KernelSums
    real: KernelSums

    @property
    def value(self) -> float:
        return self.own.mean_of_pairs - 2 * self.real.mean

    @property
    def slope(self) -> float:
        """The variance due to each sample's own part."""
        n = len(self.own.rows)
        others = (self.own.rows * n - self.own.diagonal) / (n - 1)
        return 4 * (others - self.real.rows).var().item() / n

    @property
    def floor(self) -> float:
        """The variance that remains between equal distributions, where no item has a slope."""
        n, m = len(self.real.rows), len(self.real.columns)
        return 2 * self.own.covariance_of_pairs / n**2 + 4 * self.real.covariance / (n * m)


def kernel_difference(
    a: Tensor, c: Tensor, real: Tensor, kernel: Kernel, confidence: float = 0.95
) -> KernelDifference:
    """The squared discrepancy of a from the real items, less that of c.

    The estimate is the difference of two of Gretton et al. 2012, eq. 3, in which what the real
    items have in common with each other cancels. If a and c have equally many items, item i of
    either is taken to have begun with the same noise, and a pair counts as one item; otherwise the
    two are taken to be independent of each other.

    The variance adds up how the parts of items, or pairs, and of real items vary (Hoeffding 1948),
    and what remains where both models have the distribution of the data, so that no item has a part
    of its own. The parts' own variation counts some of the second term twice: where both models are
    that good, the interval is up to 1.7 times as wide as it has to be. Without it, it would hold
    too seldom where one of them nearly is.

    On 50 to 400 Gaussian features in 1 to 8 dimensions, a nominal 95 % covered 92 to 100 %,
    97 % on average.

    Works in float64, with 32 MiB of the kernel at a time.

    Args:
        a: Features of samples of one model, shape (n, d), n >= 3.
        c: The same for the other, shape (l, d), l >= 3; with l = n, by the same seed and indices.
        real: Features of real items, shape (m, d), m >= 3, that neither was trained on.
        kernel: A Gaussian one is best made by :meth:`GaussianKernel.of` the real features.
        confidence: In (0, 1).

    Raises:
        DataError: A set has fewer than three items, or a feature is not finite.
    """
    for features in (a, c, real):
        require_three(features)
    a, c, real = a.double(), c.double(), real.double()
    if len(a) == len(c):
        both = _side(torch.cat([a, c], 1), torch.cat([real, real], 1), _Contrast(kernel))
        sides, value, columns = [both], both.value, both.real.columns
    else:
        first, second = _side(a, real, kernel), _side(c, real, kernel)
        sides, value = [first, second], first.value - second.value
        columns = first.real.columns - second.real.columns
    slope = sum(side.slope for side in sides) + 4 * columns.var().item() / len(real)
    floor = sum(side.floor for side in sides)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(slope + floor)
    return KernelDifference(value, value - half, value + half)


def _side(samples: Tensor, real: Tensor, kernel: Kernel) -> _Side:
    return _Side(kernel_sums(samples, samples, kernel), kernel_sums(samples, real, kernel))
