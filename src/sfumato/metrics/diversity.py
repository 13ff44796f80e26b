"""How varied samples are: how many different ones there are, and how many repeat others."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.interval import Interval, share_interval
from sfumato.metrics.kernel_distance import Kernel
from sfumato.metrics.manifold import radii

_MOST_ROWS = 1000
_RARE = 0.01


def vendi_score(features: Tensor, kernel: Kernel) -> float:
    """The effective number of different items.

    The exponential of the entropy of the eigenvalues of ``K / n``: 1 if all are the same to the
    kernel, n if none resembles another (Friedman and Dieng 2022, arXiv:2210.02410, definition 3.1).
    It grows with n: compare it at equal n only.

    Args:
        features: Shape (n, d), n >= 1; of more than 1,000 rows, 1,000 evenly spaced ones count.
        kernel: With ``k(x, x) = 1``, such as a Gaussian one.

    Raises:
        DataError: There are no features.
        ValueError: The kernel is not 1 on the diagonal.
    """
    if not len(features):
        raise DataError("The variety of nothing cannot be measured.")
    count = min(len(features), _MOST_ROWS)
    rows = features[torch.arange(count) * len(features) // count].double()
    gram = kernel(rows, rows)
    if not torch.allclose(gram.diagonal(), torch.ones(count, dtype=torch.float64)):
        raise ValueError("the kernel has to be 1 between an item and itself")
    shares = torch.linalg.eigvalsh(gram / count).clamp_min(0)
    entropy: Tensor = torch.special.entr(shares / shares.sum()).sum()
    return entropy.exp().item()


def repeated_share(features: Tensor, real: Tensor) -> Interval:
    """The share of items that another one of them repeats, with an interval of 95 %.

    An item is repeated if its nearest other one is nearer than 99 of 100 real items have theirs. So
    real items themselves read 1 %, and collapsed samples up to 100 %. The more items, the nearer
    they are: both sets have to be equally large.

    Args:
        features: Shape (n, d), n >= 2.
        real: Shape (n, d): as many.

    Raises:
        DataError: There are fewer than two items.
        ValueError: The sets are not equally large.
    """
    if len(features) != len(real):
        raise ValueError(f"{len(features)} items are held against {len(real)} real ones")
    if len(features) < 2:
        raise DataError("Whether items repeat each other cannot be told of fewer than two.")
    near = radii(real.double(), 1).quantile(_RARE)
    return share_interval(int((radii(features.double(), 1) < near).sum()), len(features))
