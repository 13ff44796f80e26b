"""Precision, recall, density and coverage: are samples like real items, and are all kinds there?

The real items, or the samples, are taken for the union of balls around them, each as wide as the
distance to the k-th nearest of its own kind: Kynkäänniemi et al. 2019 (arXiv:1904.06991, equations
1 to 3) and, for density and coverage, Naeem et al. 2020 (arXiv:2002.09797, equations 5 and 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.features import require_finite
from sfumato.metrics.interval import Interval, mean_interval, share_interval

_ENTRIES = 1 << 22


@dataclass(frozen=True)
class Manifold:
    """Four figures, each with an interval of 95 % over items.

    The intervals take the other set, and the balls, as they are: they say how much the figure
    would change with other samples (precision, density) or other real items (recall, coverage), and
    leave out how it changes with other balls.

    All depend on how many items there are, recall and coverage most, and on k: compare only
    figures that were measured on equally many.

    Attributes:
        precision: Share of samples that are within a ball of the real items.
        recall: Share of real items that are within a ball of the samples.
        density: In how many of the k balls, on average, that a real item would be in a sample is;
            about 1 if they are alike, and above 1 if samples crowd where real items are dense.
        coverage: Share of real items whose ball has a sample in it.
        n: Samples, and real items.
        k: Which neighbour decides how wide a ball is.
    """

    precision: Interval
    recall: Interval
    density: Interval
    coverage: Interval
    n: tuple[int, int]
    k: int


def manifold(samples: Tensor, real: Tensor, k: int = 5) -> Manifold:
    """Measure samples against real items.

    Args:
        samples: Features, shape (n, d), n > k.
        real: Features of one extractor with those, shape (m, d), m > k.
        k: At least 1.

    Raises:
        DataError: A set has no more than k items, or a feature is not finite.
    """
    for features in (samples, real):
        if len(features) <= k:
            raise DataError(
                f"Precision and recall with k = {k} need more than {k} items in each set, "
                f"and there are {len(features)}.",
                hint="measure more of them.",
            )
        require_finite(features)
    samples, real = samples.double(), real.double()
    ours, theirs = radii(samples, k), radii(real, k)
    within = torch.zeros(len(samples), dtype=torch.int64)
    recalled = torch.zeros(len(real), dtype=torch.bool)
    covered = torch.zeros(len(real), dtype=torch.bool)
    for low, distance in _distances(samples, real):
        part = slice(low, low + len(distance))
        balls = distance <= theirs
        within[part] = balls.sum(1)
        covered |= distance.min(0).values <= theirs
        recalled |= (distance <= ours[part, None]).any(0)
    density = within.double() / k
    return Manifold(
        precision=_share(within > 0),
        recall=_share(recalled),
        density=mean_interval(density.tolist()),
        coverage=_share(covered),
        n=(len(samples), len(real)),
        k=k,
    )


def radii(x: Tensor, k: int) -> Tensor:
    """The distance of each to the k-th nearest of the others.

    Args:
        x: Features, shape (n, d), n > k.
        k: At least 1.

    Returns:
        Shape (n,), in the type and unit of the features.
    """
    parts = []
    for low, distance in _distances(x, x):
        rows = torch.arange(len(distance))
        distance[rows, low + rows] = torch.inf  # Not itself.
        parts.append(distance.kthvalue(k, dim=1).values)
    return torch.cat(parts)


def _distances(x: Tensor, y: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Blocks of rows of the distances, each with the number of its first row."""
    step = max(_ENTRIES // len(y), 1)
    for low in range(0, len(x), step):
        # Explicit differences: expanding the square would cancel for near copies.
        yield low, torch.cdist(x[low : low + step], y, compute_mode="donot_use_mm_for_euclid_dist")


def _share(those: Tensor) -> Interval:
    return share_interval(int(those.sum()), len(those))
