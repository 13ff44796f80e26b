"""How sure a mean of a few measurements is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

from sfumato.errors import DataError

_HALVINGS = 60


class Interval(NamedTuple):
    """A mean and the bounds that hold the true mean with the stated confidence."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The mean of independent measurements and its two-sided confidence interval.

    Student's t with n - 1 degrees of freedom, which is exact for normal measurements and any
    n >= 2; with few of them it is much wider than the normal interval.

    Args:
        values: At least two, independent of each other, in any unit.
        confidence: In (0, 1).

    Raises:
        DataError: There are fewer than two values.
    """
    if len(values) < 2:
        raise DataError(
            f"{len(values)} measurements have no confidence interval.",
            why="their spread is unknown",
            hint="measure at least twice.",
        )
    mean = fmean(values)
    half = _quantile(confidence, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def share_interval(count: int, total: int, confidence: float = 0.95) -> Interval:
    """A share of independent yes-or-no outcomes and its interval: Wilson 1927, JASA 22, 209.

    It stays within [0, 1] and keeps its width where none or all are counted.

    Args:
        count: How many of them are.
        total: Out of how many, at least 1.
        confidence: In (0, 1).

    Raises:
        DataError: There are none.
    """
    if total < 1:
        raise DataError("A share of nothing has no interval.", hint="measure at least one.")
    return wilson(count / total, total, confidence)


def wilson(share: float, total: float, confidence: float = 0.95) -> Interval:
    """The interval of a share that is worth so many independent outcomes: see ``share_interval``.

    Args:
        share: In [0, 1].
        total: Above 0; an effective number need not be whole.
        confidence: In (0, 1).
    """
    square = NormalDist().inv_cdf((1 + confidence) / 2) ** 2 / total
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    # The bounds are 0 and 1 at the ends but for rounding.
    low = 0.0 if share == 0 else max(middle - half, 0.0)
    return Interval(share, low, 1.0 if share == 1 else min(middle + half, 1.0))


def _quantile(confidence: float, freedom: int) -> float:
    """The t that a Student variable stays within, on both sides, with this probability."""
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        angle = (low + high) / 2
        if _within(angle, freedom) < confidence:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(angle: float, freedom: int) -> float:
    """P(abs(T) < sqrt(freedom) tan(angle)): Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= square * step / (step + 1)
    if not odd:
        return math.sin(angle) * total
    return (angle + math.sin(angle) * total) * 2 / math.pi
