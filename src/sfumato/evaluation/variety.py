"""How much of the variety of real items samples cover, and how often they repeat themselves."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from sfumato.evaluation.report import Figure, Section
from sfumato.evaluation.seen import Rivals, Seen
from sfumato.metrics.diversity import Manifold, manifold, repeated_share, vendi_score
from sfumato.metrics.interval import Interval
from sfumato.metrics.kernel_distance import GaussianKernel

# Below that k-th neighbours say nothing; with few the figures are coarse.
_LEAST, _FEW = 10, 50
_K = 5
_ABOUT = (
    "Precision: share of samples that are like some real item. Recall: share of real items that "
    "are like some sample. Density and coverage: the same, steadier against odd items. All depend "
    "on how many items there are, so the column of the real is of as many real items, held against "
    "the same others. Effective number of different items: by the Vendi score."
)
_SHARES = (
    ("precision", "precision", ".1%"),
    ("recall", "recall", ".1%"),
    ("density", "density", ".2f"),
    ("coverage", "coverage", ".1%"),
)


def variety(seen: Seen, rivals: Rivals) -> Section:
    """Hold as many samples, and real items in their place, against the same other real items.

    Args:
        seen: Features.
        rivals: Which real items stand for samples, and which both are held against.
    """
    real = seen.real
    instead, beside = real[rivals.instead], real[rivals.beside]
    count = min(len(seen.samples), len(instead))
    # The first ones: samples do not depend on how many are made.
    samples, instead = seen.samples[:count], instead[:count]
    if min(count, len(beside)) < _LEAST:
        figures = [_refused(count, len(beside))]
    else:
        figures = [*_manifolds(samples, instead, beside), *_kinds(samples, instead, seen.kernel)]
    return Section(f"variety/{seen.name}", "variety", _ABOUT, tuple(figures), seen.identity)


def _refused(count: int, others: int) -> Figure:
    why = f"{count} samples against {others} real items: both need {_LEAST}"
    return Figure("precision", "precision", None, n=(count, others), flag=why)


def _manifolds(samples: Tensor, instead: Tensor, beside: Tensor) -> Iterator[Figure]:
    ours, theirs = manifold(samples, beside, _K), manifold(instead, beside, _K)
    flag = f"only {min(ours.n)} on one side: the balls are coarse" if min(ours.n) < _FEW else None
    for key, title, form in _SHARES:
        found = _of(ours, key)
        yield Figure(key, title, *found, _of(theirs, key).mean, ours.n, form, flag)


def _of(found: Manifold, key: str) -> Interval:
    interval: Interval = getattr(found, key)
    return interval


def _kinds(samples: Tensor, instead: Tensor, kernel: GaussianKernel) -> Iterator[Figure]:
    n = (len(samples),)
    title = "effective number of different items"
    scores = vendi_score(samples, kernel), vendi_score(instead, kernel)
    yield Figure("vendi", title, scores[0], real=scores[1], n=n, form=".1f")
    repeated = repeated_share(samples, instead)
    usual = repeated_share(instead, instead).mean
    yield Figure("repeated", "repeat another sample", *repeated, usual, n, ".1%")
