"""Distances between samples and real items."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from sfumato.evaluation.features import MOST_PAIRED, Features, evenly_spaced
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.frechet import enough_for_frechet, extrapolated_frechet
from sfumato.metrics.kernel_distance import (
    LEAST,
    GaussianKernel,
    KernelDistance,
    kernel_distance,
)
from sfumato.process.rng import Stream, uniform

_FEW = 50
_SPLITS = 50
_ABOUT = (
    "Kernel distance times 100. The estimate is unbiased: it is 0 on average for two sets of one "
    "distribution, and negative by chance. 'Held-out to training' is what a perfect model could "
    "reach on this split. The distances between random halves of the real items show how large a "
    "distance is by chance."
)


def distance_section(features: Features, groups: Sequence[str], seed: int) -> Section:
    """Distances from samples to real items, and between sets of real items.

    Args:
        features: Features of samples and real items.
        groups: Group of each real item, training items first; a group is never divided.
        seed: Seed of the random halves and of the extrapolation.
    """
    figures = [*_kernel(features), *_halves(features, groups, seed), *_frechet(features, seed)]
    title = f"distance, {features.name}"
    return Section(f"distance/{features.name}", title, _ABOUT, tuple(figures), features.identity)


def _kernel(features: Features) -> Iterator[Figure]:
    samples, known, kernel = features.samples, features.some_training, features.kernel
    unseen = features.held_out
    n = len(samples), len(unseen)
    floor = None
    if len(unseen) >= LEAST:
        floor = kernel_distance(unseen, known, kernel)
        distance = kernel_distance(samples, unseen, kernel)
        yield _figure("held_out", "samples to held-out", distance, n, floor)
    else:
        why = f"{len(unseen)} held-out items are too few to measure a distance to"
        yield Figure("held_out", "samples to held-out", None, n=n, flag=why)
    distance = kernel_distance(samples, known, kernel)
    yield _figure("training", "samples to training", distance, (len(samples), len(known)), None)
    if floor is not None:
        yield _figure("real", "held-out to training", floor, (len(unseen), len(known)), None)


def _figure(
    key: str, title: str, distance: KernelDistance, n: tuple[int, int], floor: KernelDistance | None
) -> Figure:
    value, low, high = (100 * number for number in distance)
    real = None if floor is None else 100 * floor.value
    few = f"one of the sets has only {min(n)} items: the interval is wide"
    return Figure(key, title, value, low, high, real, n, flag=few if min(n) < _FEW else None)


def _halves(features: Features, groups: Sequence[str], seed: int) -> Iterator[Figure]:
    chosen = evenly_spaced(len(features.real), MOST_PAIRED)
    real, groups = features.real[chosen], [groups[place] for place in chosen.tolist()]
    distances = sorted(_between_halves(real, groups, features.kernel, seed))
    if not distances:
        return
    n = (len(real) // 2,) * 2
    yield Figure("halves", "halves of real items, mean", statistics.fmean(distances), n=n)
    high = float(np.quantile(distances, 0.95))
    yield Figure("halves_95", "halves, 95th percentile", high, n=n)


def _between_halves(
    features: Tensor, groups: Sequence[str], kernel: GaussianKernel, seed: int
) -> Iterator[float]:
    """Distances between random halves that divide no group."""
    names = sorted(set(groups))
    place = {name: number for number, name in enumerate(names)}
    number = torch.tensor([place[group] for group in groups])
    keys = uniform(seed, Stream.DIVISION, range(_SPLITS), (len(names),))
    for key in keys if len(names) > 1 else ():
        chosen = torch.zeros(len(names), dtype=torch.bool)
        chosen[key.argsort()[: len(names) // 2]] = True
        one, other = features[chosen[number]], features[~chosen[number]]
        if min(len(one), len(other)) >= LEAST:
            yield 100 * kernel_distance(one, other, kernel).value


def _frechet(features: Features, seed: int) -> Iterator[Figure]:
    samples, real = features.samples, features.real
    n = len(samples), len(real)
    title = "Fréchet distance to all real"
    too_few = enough_for_frechet(*n, samples.shape[1])
    if too_few is not None:
        yield Figure("frechet", title, None, n=n, flag=too_few)
        return
    distance = extrapolated_frechet(samples, real, seed)
    flag = (
        f"the estimate at this n is {distance.value:.3f}; "
        "the value above is extrapolated to infinite n"
    )
    yield Figure(
        "frechet", title, distance.extrapolated, distance.low, distance.high, n=n, flag=flag
    )
