"""Whether the classes found in samples are as frequent as was wanted, and each as good as asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.interval import share_interval
from sfumato.process.rng import Stream, generator

_DRAWS = 1999


class Balance(NamedTuple):
    """How far shares of classes are from those wanted.

    Attributes:
        total_variation: Half the sum of the absolute differences of the shares, in [0, 1]: the
            share of the samples that would have to be of another class.
        expected: What it is on average if chance alone parts the samples from what was wanted.
        p: How probable one as large is by chance alone, in [0.0005, 1].
        shares: Of each class among the samples.
    """

    total_variation: float
    expected: float
    p: float
    shares: tuple[float, ...]


def balance(found: Tensor, wanted: Sequence[float], seed: int = 0) -> Balance:
    """Compare the classes of samples with the shares that were wanted.

    Classes found by a classifier carry its mistakes: they can be out of balance though the samples
    are not. Compare with what it makes of real items.

    Args:
        found: Class of each sample, int64, shape (n,), n >= 1, in [0, classes).
        wanted: Of each class its share or anything in proportion to it, at least 0.
        seed: Of the 1999 draws behind ``p``.

    Raises:
        DataError: There are no samples, or no class is wanted.
    """
    weights = np.asarray(wanted, np.float64)
    if not len(found) or not weights.sum() > 0:
        raise DataError("A balance of classes needs samples, and a class that is wanted.")
    shares = weights / weights.sum()
    n = len(found)
    counts = torch.bincount(found, minlength=len(shares)).numpy()
    # Labels are drawn at step 0.
    chance = generator(seed, Stream.LABEL, step=1).multinomial(n, shares, _DRAWS)
    distance = float(_variation(counts, shares))
    # What differs in rounding alone is equal.
    worse = int((_variation(chance, shares) >= distance - 1e-12).sum())
    expected = sum(_mean_deviation(n, float(share)) for share in shares) / (2 * n)
    return Balance(distance, expected, (1 + worse) / (1 + _DRAWS), tuple((counts / n).tolist()))


class ClassShare(NamedTuple):
    """How many of the samples asked to be of one class are found to be.

    Attributes:
        number: Of the class.
        right: How many are.
        n: Out of how many.
        low, high: Bounds of the share with a confidence of 95 %; 0 and 1 if n is 0.
    """

    number: int
    right: int
    n: int
    low: float
    high: float


def per_class(found: Tensor, asked: Tensor, classes: int) -> tuple[ClassShare, ...]:
    """The accuracy on each class by itself, with Wilson's intervals.

    Args:
        found: Class of each sample according to a classifier, int64, shape (n,).
        asked: The class that was asked for, int64, shape (n,), in [0, classes).
        classes: How many there are.
    """
    totals = torch.bincount(asked, minlength=classes).tolist()
    rights = torch.bincount(asked[found == asked], minlength=classes).tolist()
    return tuple(
        _class_share(index, right, n)
        for index, (right, n) in enumerate(zip(rights, totals, strict=True))
    )


def _class_share(index: int, right: int, n: int) -> ClassShare:
    if not n:
        return ClassShare(index, 0, 0, 0.0, 1.0)
    bounds = share_interval(right, n)
    return ClassShare(index, right, n, bounds.low, bounds.high)


def _variation(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the summed differences over the last axis."""
    parts = counts / counts.sum(-1, keepdims=True)
    half: NDArray[np.float64] = np.abs(parts - shares).sum(-1) / 2
    return half


def _mean_deviation(n: int, share: float) -> float:
    """How far a binomial count is from its mean, on average: de Moivre 1730."""
    if not 0 < share < 1:
        return 0.0
    above = math.floor(n * share) + 1
    log = (
        math.lgamma(n + 1)
        - math.lgamma(above + 1)
        - math.lgamma(n - above + 1)
        + above * math.log(share)
        + (n - above + 1) * math.log1p(-share)
    )
    return 2 * above * math.exp(log)
