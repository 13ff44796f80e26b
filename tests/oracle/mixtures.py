"""Gaussian mixtures to test with."""

import torch

from sfumato.oracle import GaussianMixture

F64 = torch.float64


def tilted(seed: int = 0, k: int = 4, d: int = 3) -> GaussianMixture:
    g = torch.Generator().manual_seed(seed)
    roots = torch.randn(k, d, d, generator=g, dtype=F64) * 0.4
    return GaussianMixture.build(
        means=torch.randn(k, d, generator=g),
        covariances=roots @ roots.mT,
        weights=torch.rand(k, generator=g) + 0.2,
    )
