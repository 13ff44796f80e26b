"""How far samples are from real items."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from sfumato.evaluation.report import Figure, Section
from sfumato.evaluation.seen import MOST_PAIRED, Seen, spaced
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
    "Kernel distance times 100, unbiased: 0 = alike, and chance goes below it. "
    "'Held-out to training' is what a perfect model could reach on this split, and random halves "
    "of the real items say how much a difference means."
)


def distances(seen: Seen, groups: Sequence[str], seed: int) -> Section:
    """Distances of samples to real items, and of real items to each other.

    Args:
        seen: Features.
        groups: Of all real items, training first: those of one belong together.
        seed: Of what is drawn.
    """
    figures = [*_kernel(seen), *_between_halves(seen, groups, seed), *_frechet(seen, seed)]
    title = f"distance, {seen.name}"
    return Section(f"distance/{seen.name}", title, _ABOUT, tuple(figures), seen.identity)


def _kernel(seen: Seen) -> Iterator[Figure]:
    samples, known, unseen, kernel = seen.samples, seen.known, seen.held_out, seen.kernel
    enough = len(unseen) >= LEAST
    floor = kernel_distance(unseen, known, kernel) if enough else None
    if enough:
        found = kernel_distance(samples, unseen, kernel)
        yield _figure("held_out", "samples to held-out", found, (len(samples), len(unseen)), floor)
    else:
        why = f"{len(unseen)} held-out items are too few to measure a distance to"
        yield Figure(
            "held_out", "samples to held-out", None, n=(len(samples), len(unseen)), flag=why
        )
    found = kernel_distance(samples, known, kernel)
    yield _figure("training", "samples to training", found, (len(samples), len(known)), None)
    if floor is not None:
        counts = len(unseen), len(known)
        yield _figure("real", "held-out to training", floor, counts, None)


def _figure(
    key: str, title: str, found: KernelDistance, n: tuple[int, int], floor: KernelDistance | None
) -> Figure:
    value, low, high = (100 * number for number in found)
    real = None if floor is None else 100 * floor.value
    few = f"only {min(n)} on one side: the interval is wide" if min(n) < _FEW else None
    return Figure(key, title, value, low, high, real, n, flag=few)


def _between_halves(seen: Seen, groups: Sequence[str], seed: int) -> Iterator[Figure]:
    chosen = spaced(len(seen.real), MOST_PAIRED)
    real, groups = seen.real[chosen], [groups[place] for place in chosen.tolist()]
    found = sorted(_halves(real, groups, seen.kernel, seed))
    if not found:
        return
    n = (len(real) // 2,) * 2
    yield Figure("halves", "halves of the real, mean", statistics.fmean(found), n=n)
    yield Figure("halves_95", "halves, 95 % stay below", float(np.quantile(found, 0.95)), n=n)


def _halves(
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


def _frechet(seen: Seen, seed: int) -> Iterator[Figure]:
    samples, real = seen.samples, seen.real
    counts = len(samples), len(real)
    title = "Fréchet distance to all real"
    refused = enough_for_frechet(*counts, samples.shape[1])
    if refused is not None:
        yield Figure("frechet", title, None, n=counts, flag=refused)
        return
    found = extrapolated_frechet(samples, real, seed)
    biased = f"at this n it reads {found.value:.3f}: the value here is extrapolated to n = infinity"
    yield Figure("frechet", title, found.extrapolated, found.low, found.high, n=counts, flag=biased)
