"""Problems with an exact posterior, shared by the tests of the methods."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE, Schedule
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import LinearFunction
from sfumato.restoration.problem import Problem
from sfumato.sampling import Ancestral

F64 = torch.float64


@dataclass(frozen=True)
class Known:
    """A mixture with a linear observation.

    Attributes:
        mixture: The prior.
        matrix: The operator, shape (M, D).
        values: What is observed, shape (M,).
        noise: Standard deviation of the noise.
    """

    mixture: GaussianMixture
    matrix: Tensor
    values: Tensor
    noise: float

    @property
    def posterior(self) -> GaussianMixture:
        """The exact posterior."""
        return self.mixture.posterior(self.matrix, self.values, self.noise)

    @property
    def observation(self) -> Observation:
        """The observation as the methods take it."""
        operator = LinearFunction.of(lambda x: x @ self.matrix.T.to(x))
        return Observation(operator, self.values[None], torch.tensor(self.noise, dtype=F64))

    @property
    def covariance(self) -> Covariance:
        """The covariance of the prior."""
        weights, means = self.mixture.weights, self.mixture.means
        mean = weights @ means
        second = self.mixture.covariances + means[:, :, None] * means[:, None, :]
        return Covariance.dense(torch.einsum("k,kij->ij", weights, second) - mean.outer(mean))

    def problem(
        self, n: int, steps: int, schedule: Schedule | None = None, seed: int = 0
    ) -> Problem:
        """The problem of drawing ``n`` samples along the ancestral sampler's grid."""
        process = Gaussian(VE() if schedule is None else schedule)
        denoiser = MixtureDenoiser(self.mixture, process)
        size = self.matrix.shape[1]
        times = Ancestral().grid.times(steps, process.schedule, size)
        return Problem(
            lambda rows: denoiser,
            self.observation,
            self.covariance,
            range(n),
            seed,
            (size,),
            times,
            dtype=F64,
        )

    def shares(self, samples: Tensor) -> Tensor:
        """The share of samples in each mode."""
        exact = self.posterior
        apart = samples[:, None] - exact.means
        inverse = torch.linalg.inv(exact.covariances + 1e-9 * torch.eye(samples.shape[1]))
        distance = torch.einsum("bki,kij,bkj->bk", apart, inverse, apart)
        density = exact.weights.log() - 0.5 * distance + 0.5 * torch.linalg.slogdet(inverse)[1]
        return density.softmax(1).mean(0)


def ring() -> Known:
    """Six modes on a circle, of which one number is observed: several of them explain it."""
    angle = torch.arange(6, dtype=F64) * 2 * math.pi / 6
    means = torch.stack([angle.cos(), angle.sin()], 1) * 1.5
    weights = torch.tensor([1.0, 2.0, 1.0, 0.5, 1.0, 1.5], dtype=F64)
    mixture = GaussianMixture.build(means, stds=0.15, weights=weights)
    return Known(
        mixture, torch.tensor([[1.0, 0.3]], dtype=F64), torch.tensor([0.6], dtype=F64), 0.2
    )


def normal(size: int = 8, seen: int = 3, noise: float = 0.1) -> Known:
    """Correlated normal data of which the first numbers are observed."""
    source = torch.Generator().manual_seed(1)
    root = torch.randn(size, size, generator=source, dtype=F64) / math.sqrt(size)
    covariance = root @ root.T + 0.05 * torch.eye(size, dtype=F64)
    mean = torch.randn(1, size, generator=source, dtype=F64)
    mixture = GaussianMixture.build(mean, covariance[None])
    values = torch.randn(seen, generator=source, dtype=F64)
    return Known(mixture, torch.eye(size, dtype=F64)[:seen], values, noise)


def flat_modes() -> Known:
    """Eight flat modes in 16 dimensions with a sharp observation of six of the numbers."""
    source = torch.Generator().manual_seed(1)
    means = torch.randn(8, 16, generator=source, dtype=F64)
    roots = torch.randn(8, 16, 4, generator=source, dtype=F64) / 4
    covariances = roots @ roots.mT + 0.02**2 * torch.eye(16, dtype=F64)
    mixture = GaussianMixture.build(means, covariances)
    clean = mixture.sample(torch.tensor([0.4]), torch.randn(1, 16, generator=source))[0]
    noise = torch.randn(6, generator=source, dtype=F64)
    return Known(mixture, torch.eye(16, dtype=F64)[:6], clean[:6] + 0.05 * noise, 0.05)


def energy(a: Tensor, b: Tensor) -> float:
    """The energy distance of two sets of samples (Szekely & Rizzo 2013), unbiased."""
    n, m = len(a), len(b)
    within = torch.cdist(a, a).mean() * n / (n - 1) + torch.cdist(b, b).mean() * m / (m - 1)
    return float(2 * torch.cdist(a, b).mean() - within)


def exact_samples(known: Known, n: int = 2000) -> Tensor:
    """Samples of the exact posterior."""
    source = torch.Generator().manual_seed(3)
    size = known.matrix.shape[1]
    noise = torch.randn(n, size, generator=source, dtype=F64)
    return known.posterior.sample(torch.rand(n, generator=source, dtype=F64), noise)
