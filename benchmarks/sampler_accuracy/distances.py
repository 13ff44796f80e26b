"""Distances between the distributions that two sets of points were drawn from."""

from __future__ import annotations

import torch
from torch import Tensor

_MOST = 2048


def sliced(a: Tensor, b: Tensor, directions: int = 128) -> float:
    """Sliced 2-Wasserstein distance of equally many points, shape (n, d).

    Source: Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures".
    """
    g = torch.Generator().manual_seed(0)
    lines = torch.randn(a.shape[1], directions, generator=g, dtype=torch.float64)
    lines = lines / lines.norm(dim=0)
    apart = (a.double() @ lines).sort(0).values - (b.double() @ lines).sort(0).values
    return apart.square().mean().sqrt().item()


def kernel(a: Tensor, b: Tensor) -> float:
    """Squared kernel distance, unbiased, of a Gaussian kernel as wide as a fifth of the data.

    Source: Gretton et al. 2012, "A kernel two-sample test", lemma 6.
    """
    a, b = a[:_MOST].double(), b[:_MOST].double()
    width = torch.cdist(b, b).median() / 5
    within = sum(_off_diagonal(_alike(x, x, width)) for x in (a, b))
    return float(within - 2 * _alike(a, b, width).mean())


def _alike(a: Tensor, b: Tensor, width: Tensor) -> Tensor:
    return torch.exp(-torch.cdist(a, b).square() / (2 * width.square()))


def _off_diagonal(square: Tensor) -> Tensor:
    n = len(square)
    return (square.sum() - square.diagonal().sum()) / (n * (n - 1))
