"""The Fréchet distance between two sets of features, and its limit for infinitely many items.

Heusel et al. 2017 (arXiv:1706.08500): the squared 2-Wasserstein distance between Gaussians with the
sets' means and covariances. Estimated from n items it is too large by about a constant over n, and
for features with hundreds of entries by far more than models differ: with 400 images of one set
against 400 others of it, features of 1,280 entries give 187. So it is extrapolated (Chong and
Forsyth 2020, arXiv:1911.07023), and refused where there are too few items for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.extractor import require_finite
from sfumato.metrics.interval import mean_interval
from sfumato.process.rng import Stream, generator

# The jackknife repeats the extrapolation without each of these parts of the items.
_FOLDS = 10
_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_LEAST = 2


class Frechet(NamedTuple):
    """A Fréchet distance.

    Attributes:
        value: The usual estimate: too large, the more so the fewer items there are.
        extrapolated: Its limit for infinitely many items on both sides.
        low, high: Bounds of the true distance with a confidence of about 95 %.
    """

    value: float
    extrapolated: float
    low: float
    high: float


def enough_for_frechet(n: int, m: int, dimension: int) -> str | None:
    """The reason why there are too few items for a Fréchet distance; None if there are enough.

    With no more than twice as many items as entries of a feature, the extrapolation is unreliable
    too, because covariances are nearly singular.

    Args:
        n, m: The number of items on either side.
        dimension: The number of entries of a feature.
    """
    wanted = max(_LEAST * dimension, 2 * _FOLDS)
    if min(n, m) < wanted:
        return (
            f"{min(n, m):,} items are too few for features with {dimension:,} entries: "
            f"it takes {wanted:,} on either side"
        )
    return None


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """``|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))`` of the sets' means and sample covariances.

    Args:
        a, b: Features of one extractor, shapes (n, d) and (m, d), at least two each.

    Raises:
        DataError: A set has fewer than two items, or a feature is not finite.
    """
    _check(a)
    _check(b)
    return _distance(_Moments.of(a.double()), _Moments.of(b.double()))


def extrapolated_frechet(a: Tensor, b: Tensor, seed: int = 0) -> Frechet:
    """The distance, and its limit for infinitely many items on both sides.

    It is measured on growing shares of both sets, and extrapolated along a straight line in the
    inverse of the share to 0 (Chong and Forsyth 2020, section 3.1, who let one set grow). The
    interval is that of the jackknife over ten parts of both sets (Tukey 1958).

    On 200 and 300 Gaussian features in 8 and 32 dimensions nominal 95 % intervals covered 93 to
    99 %.

    Args:
        a, b: As for :func:`frechet_distance`; see :func:`enough_for_frechet`.
        seed: The seed of the order in which the sets grow.

    Raises:
        DataError: As for :func:`frechet_distance`, or a set has fewer than twenty items.
    """
    value = frechet_distance(a, b)
    if min(len(a), len(b)) < 2 * _FOLDS:
        raise DataError("Extrapolating a Fréchet distance needs twenty items in each set.")
    order = generator(seed, Stream.DIVISION)
    x, y = (part.double()[torch.from_numpy(order.permutation(len(part)))] for part in (a, b))
    whole = _extrapolated(x, y)
    left_out = [_extrapolated(_without(x, fold), _without(y, fold)) for fold in range(_FOLDS)]
    # The mean of the pseudo-values is the estimate once more, less its bias in 1/n.
    pseudo = [_FOLDS * whole - (_FOLDS - 1) * part for part in left_out]
    interval = mean_interval(pseudo)
    half = (interval.high - interval.low) / 2
    return Frechet(value, whole, whole - half, whole + half)


@dataclass(frozen=True)
class _Moments:
    """Mean, shape (d,), and sample covariance, shape (d, d)."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor) -> _Moments:
        count = len(features)
        mean = features.mean(0)
        return cls(mean, (features - mean).T @ (features - mean) / (count - 1))


def _distance(one: _Moments, other: _Moments) -> float:
    # The trace of (S S')^(1/2) is that of (R S' R)^(1/2) with R = S^(1/2), which is symmetric.
    values, vectors = torch.linalg.eigh(one.covariance)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    both = torch.linalg.eigvalsh(root @ other.covariance @ root).clamp_min(0).sqrt().sum()
    apart = (one.mean - other.mean).square().sum()
    distance: Tensor = apart + one.covariance.trace() + other.covariance.trace() - 2 * both
    return distance.item()


def _extrapolated(x: Tensor, y: Tensor) -> float:
    values = [
        _distance(*(_Moments.of(part[: max(2, round(share * len(part)))]) for part in (x, y)))
        for share in _SHARES
    ]
    _, constant = np.polyfit([1 / share for share in _SHARES], values, 1)
    return float(constant)


def _without(x: Tensor, fold: int) -> Tensor:
    return x[torch.arange(len(x)) % _FOLDS != fold]


def _check(features: Tensor) -> None:
    if len(features) < 2:
        raise DataError("A Fréchet distance needs two items in each set.")
    require_finite(features)
