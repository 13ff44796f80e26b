"""Unbiased kernel distances between two sets of features; a few hundred items are enough.

The squared maximum mean discrepancy (Gretton et al. 2012, "A kernel two-sample test", JMLR 13) is 0
between equal distributions. With :class:`PolynomialKernel` it is the kernel distance of images
(KID, Binkowski et al. 2018, arXiv:1801.01401), with :class:`GaussianKernel` that of audio (KAD,
Chung et al. 2025, arXiv:2502.15602), which its authors multiply by 100.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.extractor import require_finite

LEAST = 3
"""The number of items that a set needs for an unbiased distance with an interval."""

_ENTRIES = 1 << 22
_ROWS_FOR_MEDIAN = 2000


class Kernel(Protocol):
    """The similarity of two feature vectors, a positive definite function."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Compare every row of x with every row of y.

        Args:
            x: Shape (n, d), float64.
            y: Shape (m, d), float64.

        Returns:
            Shape (n, m), float64.
        """
        ...


@dataclass(frozen=True)
class PolynomialKernel:
    """``(x . y / d + 1) ** 3``: Binkowski et al. 2018, section 4.

    It compares only the means, covariances and third moments of the features.
    """

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The kernel of each with each, shape (n, m)."""
        return (x @ y.T / x.shape[1] + 1) ** 3


@dataclass(frozen=True)
class GaussianKernel:
    """``exp(-|x - y|^2 / (2 bandwidth^2))``, which distinguishes any two different distributions.

    Attributes:
        bandwidth: In units of the features, positive. Distances under different bandwidths cannot
            be compared.

    Raises:
        ValueError: The bandwidth is not positive and finite.
    """

    bandwidth: float

    def __post_init__(self) -> None:
        if not 0 < self.bandwidth < math.inf:
            raise ValueError(f"the bandwidth is {self.bandwidth}, and has to be positive")

    @classmethod
    def of(cls, reference: Tensor) -> GaussianKernel:
        """The kernel whose bandwidth is the median distance between two real features.

        As in Chung et al. 2025 it depends on the reference only, so that everything compared with
        the reference is measured with the same kernel.

        Args:
            reference: Real features, shape (n, d), n >= 2; of more than 2000 rows, 2000 evenly
                spaced ones are used.

        Raises:
            DataError: Most features are equal or not finite, or there are fewer than two.
        """
        count = min(len(reference), _ROWS_FOR_MEDIAN)
        rows = torch.arange(count) * len(reference) // max(count, 1)
        distances = torch.pdist(reference[rows].double())
        median = distances.median().item() if len(distances) else 0.0
        if not 0 < median < math.inf:
            raise DataError(
                f"The {len(reference):,} reference features have no bandwidth.",
                why=f"the median distance between two of them is {median}",
                hint="compare with real items that differ from each other.",
            )
        return cls(median)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The kernel of each with each, shape (n, m)."""
        # Centred, the expanded square loses little: about 1e-15 of the features' own spread.
        centre = y.mean(0)
        x, y = x - centre, y - centre
        square = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
        return torch.exp(square.clamp_min(0) / (-2 * self.bandwidth**2))


class KernelDistance(NamedTuple):
    """A squared discrepancy, and bounds of the true one with the stated confidence.

    Attributes:
        value: Unbiased, so it is often below 0 where the distributions are equal.
        low, high: If the interval reaches below 0, the two sets do not differ significantly.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class KernelSums:
    """Statistics of a kernel matrix (n, m), which is never in memory as a whole.

    Attributes:
        rows, columns: The mean of each row, shape (n,), and of each column, shape (m,).
        square: The mean of the squares of all entries.
        diagonal: Shape (min(n, m),).
    """

    rows: Tensor
    columns: Tensor
    square: float
    diagonal: Tensor

    @property
    def mean(self) -> float:
        """The mean of all entries."""
        return self.rows.mean().item()

    @property
    def mean_of_pairs(self) -> float:
        """The mean without the diagonal."""
        n = len(self.rows)
        return (self.mean * n - self.diagonal.mean().item()) / (n - 1)

    @property
    def spread(self) -> float:
        """``tr S`` for the covariance S of one set: the mean squared distance to its centre."""
        return self.diagonal.mean().item() - self.mean_of_pairs

    @property
    def covariance(self) -> float:
        """``tr(S T)`` for the covariances S and T of the two sets in the kernel's space."""
        ours, theirs = self.rows.square().mean(), self.columns.square().mean()
        return max(self.square - (ours + theirs).item() + self.mean**2, 0.0)

    @property
    def covariance_of_pairs(self) -> float:
        """``tr(S S)`` for the covariance S of one set, without the pairs of an item with itself."""
        n = len(self.rows)
        alone = (self.diagonal - self.rows - self.columns + self.mean).square().mean().item()
        return max((self.covariance * n - alone) / (n - 1), 0.0)


def kernel_distance(
    a: Tensor, b: Tensor, kernel: Kernel, confidence: float = 0.95
) -> KernelDistance:
    """The squared maximum mean discrepancy between the distributions of two sets.

    The estimate is the unbiased one of Gretton et al. 2012, eq. 3, which leaves out the pairs of an
    item with itself. It is the squared length of the difference D between the sets' means in the
    kernel's space, where the error of D has a covariance C, so that its variance is
    ``4 D C D + 2 tr(C C)``. The first term is estimated from the variance of the items' projections
    on D; the second is what remains between equal distributions.

    Where chance puts the sets near each other, the estimate of the first term is too small as well.
    The bounds therefore are the true values of ``|D|^2`` from which the estimate deviates by just
    the chosen quantile under their own variance, with ``D C D`` in proportion to them (as Wilson's
    interval does for a share). For the lower bound the quantile is larger than the normal one, as
    the estimate has a long upper tail: that of a chi-squared variable with ``tr(C)^2 / tr(C C)``
    degrees of freedom where the distributions are equal (Satterthwaite 1946), in the approximation
    of Wilson and Hilferty 1931.

    On 20 to 400 Gaussian features in 1 to 32 dimensions, nominal 95 % intervals covered 93 to 99 %.

    Works in float64, with 32 MiB of the kernel at a time: two sets of 20,000 x 384 took 75 s on one
    core and 350 MiB.

    Args:
        a: Features of independent items, shape (n, d), n >= 3.
        b: The same for the other set, shape (m, d), m >= 3.
        kernel: A Gaussian one is best made by :meth:`GaussianKernel.of` the real features.
        confidence: In (0, 1).

    Raises:
        DataError: A set has fewer than three items, or a feature is not finite.
    """
    require_three(a)
    require_three(b)
    a, b = a.double(), b.double()
    own_a, own_b, between = (kernel_sums(x, y, kernel) for x, y in ((a, a), (b, b), (a, b)))
    n, m = len(a), len(b)
    value = own_a.mean_of_pairs + own_b.mean_of_pairs - 2 * between.mean
    slope = (own_a.rows - between.rows).var() / n + (own_b.rows - between.columns).var() / m
    floor = (
        own_a.covariance_of_pairs / n**2
        + own_b.covariance_of_pairs / m**2
        + 2 * between.covariance / (n * m)
    )
    length = own_a.mean + own_b.mean - 2 * between.mean
    ratio = slope.item() / length if length > 0 else 0.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    skewed = _skewed(z, own_a.spread / n + own_b.spread / m, floor)
    low, high = _bound(value, ratio, floor, -skewed), _bound(value, ratio, floor, z)
    return KernelDistance(value, low, high)


def _skewed(z: float, trace: float, floor: float) -> float:
    """The quantile at distance 0, in standard deviations, but at least the normal quantile z."""
    if floor == 0:
        return z
    freedom = trace**2 / floor
    cube = (1 - 2 / (9 * freedom) + z * math.sqrt(2 / (9 * freedom))) ** 3
    return max((cube - 1) * math.sqrt(freedom / 2), z)


def _bound(value: float, ratio: float, floor: float, z: float) -> float:
    """The true value with ``true - value = z sqrt(4 ratio max(true, 0) + 2 floor)``."""
    flat = value + z * math.sqrt(2 * floor)
    if flat <= 0:
        return flat
    middle = 2 * ratio * z**2
    root = math.sqrt(middle**2 + z**2 * (4 * ratio * value + 2 * floor))
    return value + middle + math.copysign(root, z)


def require_three(features: Tensor) -> None:
    """Refuse a set that is too small for an unbiased distance.

    Raises:
        DataError: It has fewer than three items, or a feature is not finite.
    """
    if len(features) < LEAST:
        raise DataError(
            f"A kernel distance needs three items in each set, and there are {len(features)}.",
            hint="measure more of them; a few hundred give a useful interval.",
        )
    require_finite(features)


def kernel_sums(x: Tensor, y: Tensor, kernel: Kernel) -> KernelSums:
    """Statistics of the kernel matrix of x, float64, shape (n, d), and y, float64, shape (m, d)."""
    rows = torch.empty(len(x), dtype=torch.float64)
    columns = torch.zeros(len(y), dtype=torch.float64)
    square = 0.0
    diagonal = []
    step = max(_ENTRIES // len(y), 1)
    for start in range(0, len(x), step):
        block = kernel(x[start : start + step], y)
        rows[start : start + step] = block.mean(1)
        columns += block.sum(0)
        square += block.square().sum().item()
        if start < len(y):
            # A view would keep the whole block in memory.
            diagonal.append(block.diagonal(offset=start).clone())
    return KernelSums(rows, columns / len(x), square / (len(x) * len(y)), torch.cat(diagonal))
