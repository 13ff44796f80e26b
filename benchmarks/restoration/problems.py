"""Priors, operators and noise whose posterior is known exactly.

A prior is a Gaussian mixture and an observation ``y = A x0 + s e``, so the posterior is a mixture
too (:meth:`sfumato.oracle.GaussianMixture.posterior`). Every problem is drawn from a family by a
seed. The table is made with seed 1, on which methods may be looked at while they are written;
other seeds draw other means, covariances, operators and noise levels of the same families, and are
for the final judgement (``--held-out``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.oracle import GaussianMixture

F64 = torch.float64
DRAWS = 2000
"""How many exact draws of a posterior stand for it."""


@dataclass(frozen=True)
class Problem:
    """A prior with an operator and a noise level.

    Attributes:
        name: Says dimension, prior and operator.
        prior: The distribution of the data, D numbers.
        operator: ``A``, shape (M, D).
        noise: The standard deviation of the observation's noise.
    """

    name: str
    prior: GaussianMixture
    operator: Tensor
    noise: float

    @property
    def size(self) -> int:
        """D."""
        return self.operator.shape[1]

    @property
    def modes(self) -> int:
        """The number of components of the prior."""
        return len(self.prior.weights)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean (D,) and covariance (D, D) of the prior as a whole."""
        weights, means = self.prior.weights, self.prior.means
        mean = weights @ means
        offset = means - mean
        spread = torch.einsum("k,kij->ij", weights, self.prior.covariances)
        return mean, spread + torch.einsum("k,ki,kj->ij", weights, offset, offset)


@dataclass(frozen=True)
class Observation:
    """One observation of a problem, with its exact posterior.

    Attributes:
        problem: What it is an observation of.
        number: Its number; seeds of samplers derive from it.
        y: Shape (M,).
        posterior: The exact posterior.
        draws: Exact draws of the posterior, shape (DRAWS, D).
    """

    problem: Problem
    number: int
    y: Tensor
    posterior: GaussianMixture
    draws: Tensor

    def exact(self, count: int) -> Tensor:
        """More exact draws, independent of :attr:`draws`, shape (count, D)."""
        return _draws(self.posterior, count, torch.Generator().manual_seed(20_000 + self.number))


def observe(problem: Problem, number: int) -> Observation:
    """Draw a truth from the prior and an observation of it."""
    g = torch.Generator().manual_seed(100 + number)
    truth = _draws(problem.prior, 1, g)[0]
    noise = torch.randn(len(problem.operator), generator=g, dtype=F64)
    y = problem.operator @ truth + problem.noise * noise
    posterior = problem.prior.posterior(problem.operator, y, problem.noise)
    draws = _draws(posterior, DRAWS, torch.Generator().manual_seed(10_000 + number))
    return Observation(problem, number, y, posterior, draws)


def _draws(mixture: GaussianMixture, count: int, g: torch.Generator) -> Tensor:
    uniforms = torch.rand(count, generator=g, dtype=F64)
    noise = torch.randn(count, mixture.means.shape[1], generator=g, dtype=F64)
    return mixture.sample(uniforms, noise)


class Draw:
    """The random numbers of one seed, in float64."""

    def __init__(self, seed: int) -> None:
        self._g = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(*shape, generator=self._g, dtype=F64)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform numbers."""
        return low + (high - low) * torch.rand(*shape, generator=self._g, dtype=F64)

    def level(self, low: float, high: float) -> float:
        """A noise level, uniform in its logarithm."""
        return math.exp(self.uniform(math.log(low), math.log(high), 1).item())

    def rotation(self, size: int) -> Tensor:
        """A random orthogonal matrix."""
        return torch.linalg.qr(self.normal(size, size))[0]


# Operators, each a matrix (M, D) ----------------------------------------------------------------


def mask(seen: int, size: int) -> Tensor:
    """The first numbers as they are."""
    return torch.eye(size, dtype=F64)[:seen]


def block_mean(width: int, size: int) -> Tensor:
    """Means of blocks of ``width`` neighbours."""
    return torch.kron(torch.eye(size // width), torch.full((1, width), 1 / width)).double()


def blur(std: float, size: int) -> Tensor:
    """A circular Gaussian blur; ``std`` counts numbers."""
    place = torch.arange(size, dtype=F64)
    away = (place[:, None] - place + size / 2) % size - size / 2
    kernel = torch.exp(-0.5 * (away / std).square())
    return kernel / kernel.sum(1, keepdim=True)


def projection(count: int, size: int, draw: Draw) -> Tensor:
    """Normal numbers whose rows have a length of about 1."""
    return draw.normal(count, size) / math.sqrt(size)


# Priors -----------------------------------------------------------------------------------------


def normal_prior(size: int, draw: Draw) -> GaussianMixture:
    """One component, strongly correlated."""
    mean, root = draw.normal(1, size), draw.normal(size, size) / math.sqrt(size)
    covariance = root @ root.T + 0.01 * torch.eye(size, dtype=F64)
    return GaussianMixture.build(mean, covariance[None])


def smooth(size: int, scales: Tensor) -> Tensor:
    """Covariances of smooth curves: one for each scale of variance, shape (K, D, D)."""
    place = torch.arange(size, dtype=F64)
    kernel = torch.exp(-(place[:, None] - place).square() / 18)
    return scales[:, None, None] * (0.15 * kernel + 0.03**2 * torch.eye(size, dtype=F64))


def ambiguous(operator: Tensor, count: int, shared: float, draw: Draw) -> Tensor:
    """Means whose images under the operator agree but for a share of ``1 - shared``, (K, D)."""
    means, centre = draw.normal(count, operator.shape[1]), draw.normal(operator.shape[1])
    seen = torch.linalg.pinv(operator, rtol=1e-3) @ operator
    return means + shared * (centre - means) @ seen.T


def turned(count: int, size: int, low: float, high: float, draw: Draw) -> Tensor:
    """Covariances with random axes and deviations uniform in the logarithm, (K, D, D)."""
    bases = torch.stack([draw.rotation(size) for _ in range(count)])
    variances = draw.uniform(2 * math.log(low), 2 * math.log(high), count, size).exp()
    return bases @ torch.diag_embed(variances) @ bases.mT


# Families ---------------------------------------------------------------------------------------


def ring(draw: Draw, first: bool) -> Problem:
    """Six islands on a circle and one sum of the two numbers."""
    angles = torch.arange(6, dtype=F64) * math.pi / 3
    means = 1.5 * torch.stack([angles.cos(), angles.sin()], 1)
    weights = torch.tensor([1, 2, 1, 0.5, 1, 1.5], dtype=F64)
    operator, noise, std = torch.tensor([[1.0, 0.3]], dtype=F64), 0.2, 0.15
    if not first:
        operator, noise = draw.normal(1, 2), draw.level(0.05, 0.4)
        weights, std = draw.uniform(0.3, 2.0, 6), draw.uniform(0.08, 0.25, 1).item()
    prior = GaussianMixture.build(means, stds=std, weights=weights)
    return Problem("2-D ring, a sum", prior, operator, noise)


def normal_masked(draw: Draw, first: bool) -> Problem:
    """Normal data, half of them seen."""
    noise = 0.05 if first else draw.level(0.02, 0.5)
    return Problem("16-D normal, mask", normal_prior(16, draw), mask(8, 16), noise)


def flat_masked(draw: Draw, first: bool) -> Problem:
    """Components on planes of four dimensions."""
    noise = 0.05 if first else draw.level(0.02, 0.5)
    means, roots = draw.normal(8, 16), draw.normal(8, 16, 4) / 4
    flat = roots @ roots.mT + 0.02**2 * torch.eye(16, dtype=F64)
    prior = GaussianMixture.build(means, flat, weights=draw.uniform(0.3, 1.3, 8))
    return Problem("16-D flat modes, mask", prior, mask(6, 16), noise)


def smooth_means(draw: Draw, first: bool) -> Problem:
    """Smooth curves of ten kinds, seen through means of eight."""
    noise = 0.3 if first else draw.level(0.1, 0.5)
    means = draw.normal(10, 8).repeat_interleave(8, 1) * 0.7 + 0.2 * draw.normal(10, 64)
    scales = torch.linspace(0.3, 1.5, 10, dtype=F64)
    prior = GaussianMixture.build(means, smooth(64, scales))
    return Problem("64-D smooth modes, block mean", prior, block_mean(8, 64), noise)


def modes_masked(draw: Draw, first: bool) -> Problem:
    """Modes that what is seen hardly tells apart."""
    noise = 0.2 if first else draw.level(0.1, 0.5)
    operator = mask(8, 16)
    means = ambiguous(operator, 6, 0.8, draw)
    prior = GaussianMixture.build(means, turned(6, 16, 0.1, 0.5, draw))
    return Problem("16-D turned modes, mask", prior, operator, noise)


def modes_averaged(draw: Draw, first: bool) -> Problem:
    """Nearly no noise."""
    noise = 0.02 if first else draw.level(0.02, 0.05)
    operator = block_mean(4, 16)
    means = ambiguous(operator, 5, 0.9, draw)
    prior = GaussianMixture.build(means, turned(5, 16, 0.1, 0.4, draw))
    return Problem("16-D turned modes, block mean", prior, operator, noise)


def modes_blurred(draw: Draw, first: bool) -> Problem:
    """An operator with many small singular values."""
    noise = 0.1 if first else draw.level(0.05, 0.3)
    operator = blur(2.0, 16)
    means = ambiguous(operator, 6, 0.9, draw)
    prior = GaussianMixture.build(means, turned(6, 16, 0.1, 0.4, draw))
    return Problem("16-D turned modes, blur", prior, operator, noise)


def modes_projected(draw: Draw, first: bool) -> Problem:
    """Much noise."""
    noise = 0.5 if first else draw.level(0.3, 0.5)
    operator = projection(4, 16, draw)
    means = ambiguous(operator, 4, 0.7, draw)
    prior = GaussianMixture.build(means, turned(4, 16, 0.1, 0.5, draw))
    return Problem("16-D turned modes, projection", prior, operator, noise)


def normal_blurred(draw: Draw, first: bool) -> Problem:
    """Smooth curves of one kind, blurred."""
    noise = 0.05 if first else draw.level(0.02, 0.5)
    prior = GaussianMixture.build(draw.normal(1, 64) * 0.5, smooth(64, torch.full((1,), 4.0)))
    return Problem("64-D smooth normal, blur", prior, blur(3.0, 64), noise)


def normal_projected(draw: Draw, first: bool) -> Problem:
    """Correlated data and a quarter as many observations."""
    noise = 0.2 if first else draw.level(0.02, 0.5)
    return Problem(
        "64-D normal, projection", normal_prior(64, draw), projection(16, 64, draw), noise
    )


def smooth_masked(draw: Draw, first: bool) -> Problem:
    """A gap in smooth curves of eight kinds."""
    noise = 0.1 if first else draw.level(0.05, 0.5)
    operator = torch.cat([mask(64, 64)[:20], mask(64, 64)[44:]])
    means = ambiguous(operator, 8, 0.9, draw) * 0.7
    prior = GaussianMixture.build(means, smooth(64, draw.uniform(0.5, 2, 8)))
    return Problem("64-D smooth modes, mask", prior, operator, noise)


def smooth_blurred(draw: Draw, first: bool) -> Problem:
    """Smooth curves of eight kinds, blurred, nearly without noise."""
    noise = 0.02 if first else draw.level(0.02, 0.1)
    operator = blur(4.0, 64)
    means = ambiguous(operator, 8, 0.9, draw) * 0.5
    prior = GaussianMixture.build(means, smooth(64, draw.uniform(0.5, 2, 8)))
    return Problem("64-D smooth modes, blur", prior, operator, noise)


def smooth_projected(draw: Draw, first: bool) -> Problem:
    """Smooth curves of eight kinds and twelve random sums."""
    noise = 0.1 if first else draw.level(0.05, 0.3)
    operator = projection(12, 64, draw)
    means = ambiguous(operator, 8, 0.9, draw) * 0.5
    prior = GaussianMixture.build(means, smooth(64, draw.uniform(0.5, 2, 8)))
    return Problem("64-D smooth modes, projection", prior, operator, noise)


FAMILIES: tuple[Callable[[Draw, bool], Problem], ...] = (
    ring,
    normal_masked,
    flat_masked,
    smooth_means,
    modes_masked,
    modes_averaged,
    modes_blurred,
    modes_projected,
    smooth_masked,
    smooth_blurred,
    smooth_projected,
    normal_blurred,
    normal_projected,
)
QUICK = (ring, normal_masked, modes_masked)
"""What ``--quick`` proves the benchmark with."""


def problems(seed: int, quick: bool = False) -> list[Problem]:
    """One problem of every family; seed 1 is the table's, others are held out.

    Args:
        seed: Draws the priors and operators, and unless it is 1 the noise levels too.
        quick: Only three families.
    """
    families = QUICK if quick else FAMILIES
    return [family(Draw(seed), seed == 1) for family in families]
