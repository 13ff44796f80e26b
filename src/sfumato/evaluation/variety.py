"""How much of the variety of real items the samples cover, and how often they repeat each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.evaluation.features import Features, evenly_spaced
from sfumato.evaluation.result import Figure, Section
from sfumato.metrics.diversity import Manifold, manifold, repeated_share, vendi_score
from sfumato.metrics.interval import Interval
from sfumato.metrics.kernel_distance import GaussianKernel
from sfumato.process.rng import Stream, uniform

# With fewer items, k-th neighbours mean nothing; with few, the figures are coarse.
_LEAST, _FEW = 10, 50
_K = 5
_MOST_COMPARED = 2000
_ABOUT = (
    "Precision is the share of samples that are like some real item. Recall is the share of real "
    "items that are like some sample. Density and coverage measure the same and are less sensitive "
    "to outliers. All of them depend on the number of items, so the column 'real' is measured on "
    "as many real items in the place of the samples, against the same other real items. The "
    "effective number of different items is the Vendi score. A sample repeats another one if the "
    "two are closer than all but 1 % of real items are to their nearest neighbours."
)
_SHARES = (
    ("precision", "precision", ".1%"),
    ("recall", "recall", ".1%"),
    ("density", "density", ".2f"),
    ("coverage", "coverage", ".1%"),
)


@dataclass(frozen=True)
class RealSplit:
    """Real items in the place of samples, and other real items that both are compared with.

    A measure that depends on the number of items, such as recall, is comparable between samples and
    real items only if both sets are equally large and are compared with the same other items.

    Attributes:
        stand_ins: Indices of the real items in the place of samples, shape (q,); none of their
            groups occurs in ``reference``.
        reference: Indices of the real items that both are compared with, shape (r,).
    """

    stand_ins: Tensor
    reference: Tensor

    @classmethod
    def of(cls, groups: Sequence[str], n: int, seed: int) -> RealSplit:
        """Split real items at random: at most ``n`` of them, and at most half, are stand-ins.

        Args:
            groups: Group of each real item; a group is never divided.
            n: Number of samples.
            seed: Seed of the split.
        """
        names = sorted(set(groups))
        place = {name: number for number, name in enumerate(names)}
        rank = uniform(seed, Stream.DIVISION, range(1), (len(names),), step=1)[0].argsort()
        order = torch.empty_like(rank)
        order[rank] = torch.arange(len(names))
        keys = order[torch.tensor([place[group] for group in groups], dtype=torch.int64)]
        shuffled = keys.argsort(stable=True)
        wanted = min(n, len(groups) // 2, _MOST_COMPARED)
        stand_ins = shuffled[:wanted]
        # The group at the cut may be on both sides of it, so the rest of it is left out.
        last = keys[stand_ins[-1]] if wanted else -1
        reference = shuffled[keys[shuffled] > last]
        return cls(stand_ins, reference[evenly_spaced(len(reference), _MOST_COMPARED)])


def variety_section(features: Features, split: RealSplit) -> Section:
    """Compare samples, and as many real items in their place, with the same other real items.

    Args:
        features: Features of samples and real items.
        split: Which real items stand in for samples, and which both are compared with.
    """
    stand_ins, reference = features.real[split.stand_ins], features.real[split.reference]
    count = min(len(features.samples), len(stand_ins))
    # The first samples do not depend on how many are made.
    samples, stand_ins = features.samples[:count], stand_ins[:count]
    if min(count, len(reference)) < _LEAST:
        figures = [_too_few(count, len(reference))]
    else:
        figures = [
            *_manifolds(samples, stand_ins, reference),
            *_diversity(samples, stand_ins, features.kernel),
        ]
    key = f"variety/{features.name}"
    return Section(key, "variety", _ABOUT, tuple(figures), features.identity)


def _too_few(count: int, others: int) -> Figure:
    why = f"{count} samples and {others} real items: at least {_LEAST} of both are needed"
    return Figure("precision", "precision", None, n=(count, others), flag=why)


def _manifolds(samples: Tensor, stand_ins: Tensor, reference: Tensor) -> Iterator[Figure]:
    ours, theirs = manifold(samples, reference, _K), manifold(stand_ins, reference, _K)
    few = min(ours.n) < _FEW
    flag = f"one of the sets has only {min(ours.n)} items: the estimate is coarse" if few else None
    for key, title, form in _SHARES:
        interval, real = _interval(ours, key), _interval(theirs, key).mean
        yield Figure(key, title, *interval, real, ours.n, form, flag)


def _interval(measured: Manifold, key: str) -> Interval:
    interval: Interval = getattr(measured, key)
    return interval


def _diversity(samples: Tensor, stand_ins: Tensor, kernel: GaussianKernel) -> Iterator[Figure]:
    n = (len(samples),)
    title = "effective number of different items"
    scores = vendi_score(samples, kernel), vendi_score(stand_ins, kernel)
    yield Figure("vendi", title, scores[0], real=scores[1], n=n, form=".1f")
    repeated = repeated_share(samples, stand_ins)
    usual = repeated_share(stand_ins, stand_ins).mean
    yield Figure("repeated", "repeat another sample", *repeated, usual, n, ".1%")
