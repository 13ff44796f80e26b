"""The measures of a trial, as sections of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.restoration.likeness import likeness_of, mean_figure
from sfumato.evaluation.restoration.outcome import Outcome, Outcomes
from sfumato.evaluation.result import Figure, Histogram, Section
from sfumato.metrics.calibration import central, covered, spread, uniformity
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import LEAST, GaussianKernel, kernel_distance
from sfumato.model.provenance import POOR

_FEW = 50
_LEVELS = (0.5, 0.9)
_CALIBRATION = (
    "The truth and its samples can be exchanged if the samples are those of the posterior, so the "
    "rank of the truth among them is uniform. The reference of a coverage is its exact level: that "
    "of an interval between two order statistics, nearest to the one wanted (19 samples give both "
    "exactly). A spread of ranks above 1 means samples that are too sure, below 1 too varied. The "
    "reference of the distance is its mean for exact samples; the probability is that of a "
    "distance as large as this one for exact samples."
)


@dataclass(frozen=True)
class Reference:
    """Real items that restored ones are compared with, by each extractor.

    Attributes:
        extractors: The extractors, the principal one first.
        kernels: A kernel for each, from training items.
        others: Features by each of held-out items that are not restored; of training items where
            there are too few.
        what: Which of the two it is.
    """

    extractors: tuple[Extractor[Any], ...]
    kernels: tuple[GaussianKernel, ...]
    others: tuple[Tensor, ...]
    what: str

    @classmethod
    def of(
        cls,
        extractors: Sequence[Extractor[Any]],
        view: NumberView,
        training: NDArray[Any],
        others: NDArray[Any],
    ) -> Reference:
        """Extract the features of some training items and of other held-out items."""
        known = [extractor(view.prepare(training)) for extractor in extractors]
        enough = len(others) >= LEAST
        chosen = [one(view.prepare(others)) for one in extractors] if enough else known
        kernels = tuple(map(GaussianKernel.of, known))
        what = "other held-out items" if enough else "training items"
        return cls(tuple(extractors), kernels, tuple(chosen), what)


def sections_of(
    outcomes: Outcomes, view: NumberView, reference: Reference, seed: int
) -> list[Section]:
    """The sections of a trial: how near restorations are to the truth, and how sure."""
    trial = outcomes.trial
    key, title = f"restore/{trial.name}", f"restore: {trial.name}"
    about = (
        f"{trial.about} The noise of the observation has a standard deviation of {trial.noise} "
        f"where encoded data reach from -1 to 1. The reference is {trial.plain_name}; of the "
        "kernel distance (times 100) it is the distance of the true items, of the residual that "
        "of the truth. A residual is the mean square of what is left of the observation, over "
        "the variance of its noise: 1 on average for exact samples."
    )
    near = (
        *likeness_of(outcomes, view),
        *_distances(outcomes, view, reference),
        *_fits(outcomes),
    )
    ranks = _ranks(outcomes, seed)
    sure = tuple(figure for one in ranks for figure in _ranked(*one, seed))
    histograms = tuple(_histogram(title, found, seed) for _, title, found in ranks)
    return [
        Section(key, title, about, near, beside="reference"),
        Section(f"{key}/calibration", f"{title}, calibration", _CALIBRATION, sure,
                beside="reference", histograms=histograms),
    ]  # fmt: skip


def _distances(outcomes: Outcomes, view: NumberView, reference: Reference) -> Iterator[Figure]:
    """Kernel distances of the first restoration of each item to other real items."""
    decoded = view.model.medium.decode(torch.cat([one.samples[:1] for one in outcomes.each]))
    restored = view.finished(decoded, ())
    true = np.concatenate([one.item for one in outcomes.each])
    n = len(true), len(reference.others[0]) if reference.others else 0
    for extractor, kernel, others in zip(
        reference.extractors, reference.kernels, reference.others, strict=True
    ):
        key = f"distance_{extractor.name}"
        title = f"kernel distance to {reference.what}, {extractor.name}"
        if min(n) < LEAST:
            few = f"{n[0]} items are too few to measure a distance"
            yield Figure(key, title, None, n=n, flag=few)
            continue
        ours, theirs = (
            kernel_distance(extractor(view.prepare(items)), others, kernel)
            for items in (restored, true)
        )
        value, low, high = (100 * number for number in ours)
        flag = f"there are only {n[0]} items: the interval is wide" if n[0] < _FEW else None
        yield Figure(key, title, value, low, high, 100 * theirs.value, n, flag=flag)


def _fits(outcomes: Outcomes) -> Iterator[Figure]:
    each = outcomes.each
    misfit = [one.misfit for one in each]

    def mean(value: Callable[[Outcome], list[float]]) -> list[float]:
        return [float(np.mean(value(one))) for one in each]

    residuals = mean(lambda one: [fit.residual for fit in one.fits])
    yield mean_figure("residual", "residual over noise", residuals, float(np.mean(misfit)), ".2f")
    poor = mean(lambda one: [float(fit.is_poor) for fit in one.fits])
    usual = float(np.mean([residual > POOR for residual in misfit]))
    title = f"residual above {POOR:g}"
    yield mean_figure("poor", title, poor, usual, ".1%", (0.0, 1.0))
    effective = [[fit.effective for fit in one.fits if fit.effective is not None] for one in each]
    if all(effective):
        means = [float(np.mean(found)) for found in effective]
        yield mean_figure("effective", "effective particles", means, None, ".2f")
    yield mean_figure("seconds", "seconds for one restoration", [one.seconds for one in each], None,
                    ".2f")  # fmt: skip


def _ranks(outcomes: Outcomes, seed: int) -> list[tuple[str, str, Tensor]]:
    """Key, title and ranks, shape (n, K + 1, M), of both kinds of numbers."""
    unknown = outcomes.trial.unknown
    pairs = [one.ranked(unknown(one.operator), seed) for one in outcomes.each]
    return [
        ("functionals", "linear functionals", torch.stack([pair[0] for pair in pairs])),
        ("values", "single values", _stacked([pair[1] for pair in pairs])),
    ]


def _ranked(key: str, title: str, found: Tensor, seed: int) -> Iterator[Figure]:
    """The figures of the ranks of some numbers."""
    samples = found.shape[1] - 1
    for level in _LEVELS:
        interval = central(samples, level)
        name = f"{title}: within the central {interval.level:.1%}"
        shares = covered(found, interval).tolist()
        coverage = f"{key}_coverage_{100 * level:.0f}"
        yield mean_figure(coverage, name, shares, interval.level, ".1%", (0.0, 1.0))
    spreads = spread(found).tolist()
    yield mean_figure(f"{key}_spread", f"{title}: spread of ranks", spreads, 1.0, ".2f")
    flat, n = uniformity(found, seed), (len(found),)
    name = f"{title}: distance of ranks from uniform"
    yield Figure(f"{key}_distance", name, flat.distance, real=flat.expected, n=n)
    yield Figure(f"{key}_p", f"{title}: probability of this distance", flat.p_value, n=n)


def _histogram(title: str, found: Tensor, seed: int) -> Histogram:
    shares = uniformity(found, seed).histogram.tolist()
    return Histogram(title, tuple(shares), 1 / len(shares))


def _stacked(found: Sequence[Tensor]) -> Tensor:
    """Ranks of several items, of which all have as many numbers as the one with the fewest."""
    fewest = min(part.shape[1] for part in found)
    return torch.stack([part[:, :fewest] for part in found])
