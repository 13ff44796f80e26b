"""The difference of the kernel distances of two models, which shows which is nearer to real data.

Both models are compared with the same real items, and their samples start from the same noise. What
they share cancels, so the difference can be significant where the two intervals overlap.
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
    """The squared discrepancy of the first model from the real data, minus that of the second.

    Attributes:
        value: Unbiased; negative if the first model is nearer.
        low, high: Bounds of the true difference with the stated confidence. If they include 0, it
            is open which model is nearer.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class _Contrast:
    """``k(a, a') - k(c, c')`` of pairs (a, c), whose features are concatenated in one row."""

    kernel: Kernel

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The contrasts of all pairs of rows, for shapes (n, 2 d) and (m, 2 d)."""
        first, second = (part.chunk(2, dim=1) for part in (x, y))
        return self.kernel(first[0], second[0]) - self.kernel(first[1], second[1])


@dataclass(frozen=True)
class _Side:
    """The contribution of one set of samples, or of pairs of samples.

    Attributes:
        own: Kernel sums of the samples with each other.
        real: Kernel sums of the samples with the real items.
    """

    own: KernelSums
    real: KernelSums

    @property
    def value(self) -> float:
        return self.own.mean_of_pairs - 2 * self.real.mean

    @property
    def slope(self) -> float:
        """The first-order variance, due to the projection of each sample."""
        n = len(self.own.rows)
        others = (self.own.rows * n - self.own.diagonal) / (n - 1)
        return 4 * (others - self.real.rows).var().item() / n

    @property
    def floor(self) -> float:
        """The second-order variance, which remains between equal distributions."""
        n, m = len(self.real.rows), len(self.real.columns)
        return 2 * self.own.covariance_of_pairs / n**2 + 4 * self.real.covariance / (n * m)


def kernel_difference(
    a: Tensor, c: Tensor, real: Tensor, kernel: Kernel, confidence: float = 0.95
) -> KernelDifference:
    """The squared discrepancy of a from the real items, minus that of c.

    The estimate is the difference of two estimates of Gretton et al. 2012, eq. 3, in which the term
    of the real items among themselves cancels. If a and c have equally many items, item i of either
    is assumed to start from the same noise, and a pair counts as one item; otherwise the two sets
    are assumed to be independent.

    The variance is the sum of a first-order term, the variance of the projections of items (or
    pairs) and of real items (Hoeffding 1948), and of a second-order term, which remains where both
    models have the distribution of the data and the projections vanish. The estimated first-order
    term includes some of the second: where both models are that good, the interval is up to 1.7
    times as wide as necessary. Without the second term it would cover too seldom where one of them
    is nearly that good.

    On 50 to 400 Gaussian features in 1 to 8 dimensions, nominal 95 % intervals covered 92 to 100 %,
    97 % on average.

    Works in float64, with 32 MiB of the kernel at a time.

    Args:
        a: Features of the samples of one model, shape (n, d), n >= 3.
        c: The same for the other model, shape (l, d), l >= 3; if l = n, from the same seed and
            indices.
        real: Features of real items, shape (m, d), m >= 3, that neither model was trained on.
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
