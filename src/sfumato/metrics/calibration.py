"""Whether samples of a posterior are as uncertain as they should be: simulation-based calibration.

If a truth and its K samples are drawn from one posterior, they can be exchanged, so the rank of the
truth among them is uniform in any number that is computed from each (Talts et al. 2018,
arXiv:1804.06788, theorem 1). Samples that are too sure put the truth at the extreme ranks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sfumato.process.rng import Stream, generator

_DRAWS = 999


class Central(NamedTuple):
    """A central interval between two order statistics of K samples.

    Attributes:
        order: The interval reaches from the ``order``-th smallest to the ``order``-th largest.
        level: The probability that it contains the truth: ``(K + 1 - 2 order) / (K + 1)`` exactly,
            whatever the distribution.
    """

    order: int
    level: float


def central(samples: int, level: float) -> Central:
    """The central interval of K samples whose exact level is nearest to a wanted one.

    With 8 samples there are 1/9, 3/9, 5/9 and 7/9; with 19 samples 0.5 and 0.9 are among them.

    Args:
        samples: K, at least 2.
        level: In (0, 1).
    """
    orders = range(1, samples // 2 + 1)
    found = (Central(order, (samples + 1 - 2 * order) / (samples + 1)) for order in orders)
    return min(found, key=lambda one: abs(one.level - level))


def ranks(values: Tensor, keys: Tensor) -> Tensor:
    """The rank of each row among all rows, column by column, from 0.

    Args:
        values: Shape (K + 1, M): the truth and its samples, in M numbers.
        keys: Random numbers of the same shape, by which equal values are ordered.

    Returns:
        int64, shape (K + 1, M).
    """
    by_key = keys.argsort(0)
    by_value = values.gather(0, by_key).sort(dim=0, stable=True).indices
    return by_key.gather(0, by_value).argsort(0)


class Uniformity(NamedTuple):
    """How far a histogram of ranks is from a flat one.

    Attributes:
        histogram: The share of each rank, float64, shape (K + 1,).
        distance: The total variation distance to the uniform histogram, in [0, 1].
        expected: The mean of this distance if truths and samples are exchangeable.
        p_value: The probability of a distance that is at least as large, if they are.
    """

    histogram: Tensor
    distance: float
    expected: float
    p_value: float


def uniformity(found: Tensor, seed: int) -> Uniformity:
    """The histogram of the ranks of truths, and an exact test of its uniformity.

    The numbers of one item are dependent, so a chi-squared test would reject too often. Instead,
    one of the samples, or the truth itself, drawn at random, takes the place of each truth 999
    times (Phipson and Smyth 2010): this has exactly the distribution under the hypothesis.

    Args:
        found: What :func:`ranks` returns for each of n items, shape (n, K + 1, M), truths first.
        seed: Seed of the draws.
    """
    items, rows, numbers = found.shape
    histograms = torch.zeros(items, rows, rows, dtype=torch.float64)
    histograms.scatter_add_(2, found, torch.ones_like(found, dtype=torch.float64))
    histograms /= numbers
    drawn = generator(seed, Stream.CALIBRATION)
    total = torch.zeros(_DRAWS, rows, dtype=torch.float64)
    for own in histograms:
        total += own[torch.from_numpy(drawn.integers(0, rows, _DRAWS))]
    histogram = histograms[:, 0].mean(0)
    distance = _from_flat(histogram).item()
    others = _from_flat(total / items)
    as_large = int((others >= distance - 1e-12).sum())
    return Uniformity(histogram, distance, others.mean().item(), (1 + as_large) / (1 + _DRAWS))


def covered(found: Tensor, interval: Central) -> Tensor:
    """The share of the numbers of each item in which the interval contains the truth.

    Args:
        found: As for :func:`uniformity`.
        interval: What :func:`central` returns.

    Returns:
        float64, shape (n,).
    """
    truths, samples = found[:, 0], found.shape[1] - 1
    inside = (truths >= interval.order) & (truths <= samples - interval.order)
    return inside.double().mean(1)


def spread(found: Tensor) -> Tensor:
    """The mean square distance of the rank of each truth from the middle, over that expected.

    It is 1 on average for exact samples, up to ``3 K / (K + 2)`` for samples that are too sure, and
    down to 0 for samples that are too varied: the variance of a uniform rank is ``K (K + 2) / 12``.

    Args:
        found: As for :func:`uniformity`.

    Returns:
        float64, shape (n,).
    """
    samples = found.shape[1] - 1
    distance = found[:, 0].double() - samples / 2
    return distance.square().mean(1) / (samples * (samples + 2) / 12)


def _from_flat(histogram: Tensor) -> Tensor:
    """The total variation distance of histograms (..., K + 1) to the uniform one."""
    return 0.5 * (histogram - 1 / histogram.shape[-1]).abs().sum(-1)
