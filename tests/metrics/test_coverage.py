"""How often intervals of a nominal 95 % hold the truth, where the truth is known.

Every case is repeated some hundred times. One case by itself may fall short of 93 % by the luck of
its repetitions, three standard errors; all cases of a measure together may not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sfumato.metrics.frechet import extrapolated_frechet
from sfumato.metrics.interval import paired_difference, share_difference, share_interval
from sfumato.metrics.kernel_difference import kernel_difference
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.metrics.memorisation import superiority

Floats = NDArray[np.float64]
Case = tuple[float, Callable[[np.random.Generator], tuple[float, float]]]

TRIALS = 300
WANTED = 0.93


def held(case: Case, seed: int) -> float:
    """In what share of the trials the interval held the truth."""
    truth, drawn = case
    rng = np.random.default_rng(seed)
    found = (drawn(rng) for _ in range(TRIALS))
    return sum(low <= truth <= high for low, high in found) / TRIALS


def bounds(found: object) -> tuple[float, float]:
    low, high = found.low, found.high  # type: ignore[attr-defined]
    return low, high


def normal(
    rng: np.random.Generator, count: int, dimension: int, centre: float = 0.0
) -> torch.Tensor:
    return torch.from_numpy(rng.normal(centre, 1, (count, dimension)))


def of_kernel(bandwidth: float, dimension: int, centre: float) -> float:
    """The mean kernel between two normal laws whose means differ by so much in every entry."""
    wide = bandwidth**2 + 2
    return float((bandwidth**2 / wide) ** (dimension / 2) * math.exp(
        -dimension * centre**2 / (2 * wide)
    ))  # fmt: skip


def kernel_distances() -> Iterator[Case]:
    for dimension in (1, 3, 8):
        bandwidth = 0.8 * math.sqrt(2 * dimension)
        for count in (50, 200):
            for centre in (0.0, 0.1, 0.3, 1.0):
                truth = 2 * (
                    of_kernel(bandwidth, dimension, 0) - of_kernel(bandwidth, dimension, centre)
                )

                def drawn(
                    rng: np.random.Generator, n: int = count, d: int = dimension,
                    c: float = centre, b: float = bandwidth,
                ) -> tuple[float, float]:  # fmt: skip
                    one, other = normal(rng, n, d, c), normal(rng, n, d)
                    return bounds(kernel_distance(one, other, GaussianKernel(b)))

                yield truth, drawn


def kernel_differences() -> Iterator[Case]:
    """Two sets of samples that began with the same noise, held against real items."""
    for dimension in (1, 3, 8):
        bandwidth = 0.8 * math.sqrt(2 * dimension)
        for alike in (0.0, 0.5, 0.95):
            for ours, theirs in ((0.0, 0.0), (0.3, 0.0), (0.5, 0.4)):
                truth = 2 * (
                    of_kernel(bandwidth, dimension, theirs) - of_kernel(bandwidth, dimension, ours)
                )

                def drawn(
                    rng: np.random.Generator, d: int = dimension, a: float = alike,
                    one: float = ours, two: float = theirs, b: float = bandwidth,
                ) -> tuple[float, float]:  # fmt: skip
                    noise = normal(rng, 100, d)
                    other = a * noise + math.sqrt(1 - a * a) * normal(rng, 100, d)
                    real = normal(rng, 100, d)
                    return bounds(
                        kernel_difference(noise + one, other + two, real, GaussianKernel(b))
                    )

                yield truth, drawn


def frechets() -> Iterator[Case]:
    for dimension in (4, 8):
        for centre in (0.0, 0.5):
            for count in (150, 300):

                def drawn(
                    rng: np.random.Generator, d: int = dimension, c: float = centre, n: int = count
                ) -> tuple[float, float]:
                    return bounds(extrapolated_frechet(normal(rng, n, d, c), normal(rng, n, d)))

                yield dimension * centre**2, drawn


def nearer() -> Iterator[Case]:
    for n, m in ((30, 30), (100, 50), (50, 400)):
        for shift in (0.0, 0.3, 1.0, 2.0):

            def drawn(
                rng: np.random.Generator, n: int = n, m: int = m, shift: float = shift
            ) -> tuple[float, float]:
                return bounds(superiority(rng.normal(0, 1, n), rng.normal(shift, 1, m)))

            yield NormalDist().cdf(shift / math.sqrt(2)), drawn


def shares() -> Iterator[Case]:
    for count in (30, 100, 400):
        for share in (0.0, 0.02, 0.3, 0.9):

            def drawn(
                rng: np.random.Generator, n: int = count, share: float = share
            ) -> tuple[float, float]:
                return bounds(share_interval(int(rng.binomial(n, share)), n))

            yield share, drawn


def share_differences() -> Iterator[Case]:
    for count in (30, 100, 400):
        for ours, theirs, alike in ((0.5, 0.5, 0.0), (0.8, 0.6, 0.5), (0.95, 0.9, 0.8)):

            def drawn(
                rng: np.random.Generator, n: int = count, p: float = ours, q: float = theirs,
                alike: float = alike,
            ) -> tuple[float, float]:  # fmt: skip
                one = rng.random(n)
                other = np.where(rng.random(n) < alike, one, rng.random(n))
                return bounds(share_difference((one < p).tolist(), (other < q).tolist()))

            yield ours - theirs, drawn


def paired() -> Iterator[Case]:
    """Bits of items that differ much, under two models that differ little, and not evenly.

    Student's interval is exact for normal differences. Of 20 exponential ones it holds the mean in
    91.5 % of the trials: with few items of very unequal difference it is somewhat too narrow.
    """
    for count in (64, 256):

        def drawn(rng: np.random.Generator, n: int = count) -> tuple[float, float]:
            items = rng.gamma(2, 1, n)
            ours = items + 0.02 + 0.05 * rng.gamma(2, 1, n)
            return bounds(paired_difference(ours.tolist(), items.tolist()))

        yield 0.12, drawn


@pytest.mark.slow
@pytest.mark.parametrize(
    "cases",
    [kernel_distances, kernel_differences, frechets, nearer, shares, share_differences, paired],
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    cases: Callable[[], Iterator[Case]],
) -> None:
    found = [held(case, number) for number, case in enumerate(cases())]
    print(f"{cases.__name__}: {min(found):.3f} to {max(found):.3f}, mean {np.mean(found):.3f}")
    assert np.mean(found) >= WANTED
    # The misses of one case are a binomial number.
    error = math.sqrt(WANTED * (1 - WANTED) / TRIALS)
    assert min(found) >= WANTED - 3 * error
