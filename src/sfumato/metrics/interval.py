"""Confidence intervals of means, of shares, and of paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

from sfumato.errors import DataError

_HALVINGS = 60


class Interval(NamedTuple):
    """A mean, and bounds that contain the true mean with the stated confidence."""

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

    It stays within [0, 1] and keeps its width where the share is 0 or 1.

    Args:
        count: The number of outcomes that are yes.
        total: The number of outcomes, at least 1.
        confidence: In (0, 1).

    Raises:
        DataError: There are no outcomes.
    """
    if total < 1:
        raise DataError("A share of nothing has no interval.", hint="measure at least one.")
    return wilson(count / total, total, confidence)


def wilson(share: float, total: float, confidence: float = 0.95) -> Interval:
    """Wilson's interval of a share for an effective number of outcomes: see ``share_interval``.

    Args:
        share: In [0, 1].
        total: The number of independent outcomes, above 0; it need not be whole.
        confidence: In (0, 1).
    """
    square = NormalDist().inv_cdf((1 + confidence) / 2) ** 2 / total
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    # Without rounding the bounds would be exactly 0 and 1 there.
    low = 0.0 if share == 0 else max(middle - half, 0.0)
    return Interval(share, low, 1.0 if share == 1 else min(middle + half, 1.0))


def _quantile(confidence: float, freedom: int) -> float:
    """The t with P(abs(T) < t) equal to the confidence, for a Student variable T."""
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


def paired_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Interval:
    """The mean of ``a - b`` over items that two models share, with Student's t interval.

    What makes an item easy or hard for both models cancels, so that the interval is often far
    narrower than the two intervals of the models.

    Args:
        a, b: One value for each item in the same order, at least two, in one unit; items are
            independent of each other.
        confidence: In (0, 1).

    Raises:
        DataError: There are fewer than two items, or the lengths differ.
    """
    _check(len(a), len(b))
    return mean_interval([one - other for one, other in zip(a, b, strict=True)], confidence)


def share_difference(a: Sequence[bool], b: Sequence[bool], confidence: float = 0.95) -> Interval:
    """The share of items with a yes under a, minus the share under b.

    Only items on which the two differ contribute. The interval is that of Bonett and Price 2012,
    "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", which adds one item of either kind, so that it stays valid when there are few or none.

    On 30 to 400 pairs a nominal 95 % covered 93 to 100 %.

    Args:
        a, b: One answer for each item in the same order, at least two; items are independent of
            each other.
        confidence: In (0, 1).

    Returns:
        In [-1, 1].

    Raises:
        DataError: There are fewer than two items, or the lengths differ.
    """
    _check(len(a), len(b))
    only_a = sum(bool(one) and not other for one, other in zip(a, b, strict=True))
    only_b = sum(bool(other) and not one for one, other in zip(a, b, strict=True))
    count = len(a) + 2
    middle = (only_a - only_b) / count
    variance = ((only_a + only_b + 2) / count - middle**2) / count
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance)
    return Interval((only_a - only_b) / len(a), max(middle - half, -1.0), min(middle + half, 1.0))


def _check(count: int, other: int) -> None:
    if count != other:
        raise DataError(f"{count:,} and {other:,} items cannot be compared one by one.")
    if count < 2:
        raise DataError(
            f"{count} items have no paired difference.",
            why="its spread is unknown",
            hint="measure at least two.",
        )
