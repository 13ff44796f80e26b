"""The fidelity and the diversity of samples.

Precision, recall, density and coverage compare samples with real items. Each set is represented by
the union of balls around its items, whose radius is the distance to the k-th nearest item of the
same set: Kynkäänniemi et al. 2019 (arXiv:1904.06991, equations 1 to 3) and, for density and
coverage, Naeem et al. 2020 (arXiv:2002.09797, equations 5 and 6). The Vendi score and the share of
repeated items measure the variety of the samples themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.extractor import require_finite
from sfumato.metrics.interval import Interval, mean_interval, share_interval
from sfumato.metrics.kernel_distance import Kernel

_ENTRIES = 1 << 22


@dataclass(frozen=True)
class Manifold:
    """Four figures, each with an interval of 95 % over items.

    The intervals take the other set and the balls as fixed: they cover the variation with other
    samples (precision, density) or other real items (recall, coverage), and not that of the balls.

    All depend on the number of items, recall and coverage most, and on k: compare only figures
    that were measured with equal numbers.

    Attributes:
        precision: The share of samples that are within a ball of the real items.
        recall: The share of real items that are within a ball of the samples.
        density: The mean number of balls of real items that hold a sample, over k; about 1 if the
            sets are alike, and above 1 if samples crowd where real items are dense.
        coverage: The share of real items whose ball holds a sample.
        n: The number of samples, and of real items.
        k: The neighbour whose distance is the radius of a ball.
    """

    precision: Interval
    recall: Interval
    density: Interval
    coverage: Interval
    n: tuple[int, int]
    k: int


def manifold(samples: Tensor, real: Tensor, k: int = 5) -> Manifold:
    """Compare samples with real items.

    Args:
        samples: Features, shape (n, d), n > k.
        real: Features of real items by the same extractor, shape (m, d), m > k.
        k: The neighbour that sets the radius, at least 1.

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
    """The distance of each item to the k-th nearest other item.

    Args:
        x: Features, shape (n, d), n > k.
        k: At least 1.

    Returns:
        Shape (n,), in the type and unit of the features.
    """
    parts = []
    for low, distance in _distances(x, x):
        rows = torch.arange(len(distance))
        distance[rows, low + rows] = torch.inf  # An item is not its own neighbour.
        parts.append(distance.kthvalue(k, dim=1).values)
    return torch.cat(parts)


def _distances(x: Tensor, y: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Blocks of rows of the distance matrix, each with the index of its first row."""
    step = max(_ENTRIES // len(y), 1)
    for low in range(0, len(x), step):
        # Explicit differences: expanding the square would cancel for near copies.
        yield low, torch.cdist(x[low : low + step], y, compute_mode="donot_use_mm_for_euclid_dist")


def _share(selected: Tensor) -> Interval:
    return share_interval(int(selected.sum()), len(selected))


_MOST_ROWS = 1000
_RARE = 0.01


def vendi_score(features: Tensor, kernel: Kernel) -> float:
    """The effective number of different items.

    The exponential of the entropy of the eigenvalues of ``K / n``: 1 if all items are the same to
    the kernel, n if none resembles another (Friedman and Dieng 2022, arXiv:2210.02410, definition
    3.1).
    It grows with n: compare it at equal n only.

    Args:
        features: Shape (n, d), n >= 1; of more than 1,000 rows, 1,000 evenly spaced ones are used.
        kernel: A kernel with ``k(x, x) = 1``, such as a Gaussian one.

    Raises:
        DataError: There are no features.
        ValueError: The kernel is not 1 on the diagonal.
    """
    if not len(features):
        raise DataError("The variety of zero items cannot be measured.")
    count = min(len(features), _MOST_ROWS)
    rows = features[torch.arange(count) * len(features) // count].double()
    gram = kernel(rows, rows)
    if not torch.allclose(gram.diagonal(), torch.ones(count, dtype=torch.float64)):
        raise ValueError("the kernel has to be 1 between an item and itself")
    shares = torch.linalg.eigvalsh(gram / count).clamp_min(0)
    entropy: Tensor = torch.special.entr(shares / shares.sum()).sum()
    return entropy.exp().item()


def repeated_share(features: Tensor, real: Tensor) -> Interval:
    """The share of items that nearly repeat another item, with an interval of 95 %.

    An item is a repetition if its nearest neighbour is nearer than the nearest neighbours of 99 %
    of real items. So real items themselves give 1 %, and collapsed samples up to 100 %. Distances
    shrink with the number of items: both sets have to be equally large.

    Args:
        features: Shape (n, d), n >= 2.
        real: Shape (n, d), as many.

    Raises:
        DataError: There are fewer than two items.
        ValueError: The sets are not equally large.
    """
    if len(features) != len(real):
        raise ValueError(f"{len(features)} items cannot be compared with {len(real)} real ones")
    if len(features) < 2:
        raise DataError("A share of repeated items needs two items or more.")
    near = radii(real.double(), 1).quantile(_RARE)
    return share_interval(int((radii(features.double(), 1) < near).sum()), len(features))
