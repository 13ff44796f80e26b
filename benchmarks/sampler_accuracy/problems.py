"""Problems whose denoiser is known, and one whose denoiser is a trained network.

A problem speaks the simplest of all processes, ``x = x0 + sigma eps``; whatever process a sampler
has in mind, its states are scaled to that and its evaluations are counted here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from sfumato import train
from sfumato.denoiser import Denoiser, Posterior
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import VE
from sfumato.sampling import Heun, KeyedNoise, integrate, last

F64 = torch.float64
BETAS = np.linspace(1e-4, 0.02, 1000)
"""The rates of DDPM: the process most published samplers were written for."""
KEPT = np.cumprod(1 - BETAS)
_VP_LEVELS = np.sqrt((1 - KEPT) / KEPT)
RANGES = {"vp": (_VP_LEVELS[0], _VP_LEVELS[-1]), "edm": (0.002, 80.0), "flow": (0.0, math.inf)}
"""Least and greatest noise level of each kind of noise."""
Mean = Callable[[Tensor, float], Tensor]
"""``E[x0 | x0 + sigma eps = x]`` for states (B, ...) and a noise level."""


class Problem:
    """Noise to begin with, a denoiser that counts, and where the exact path ends.

    Attributes:
        name: Of the data.
        kind: Of the noise, one of RANGES.
        low, high: Noise levels.
        start: The noise at the beginning: ``x / sigma`` there, float32, shape (B, ...).
        truth: Ends of the exact paths, float64.
        real: Fresh draws of the data, for distances of distributions; None for the network.
        evaluations: How often the denoiser was asked since this was set to 0.
    """

    def __init__(self, name: str, kind: str, mean: Mean, at_most: Tensor, start: Tensor) -> None:
        self.name, self.kind = name, kind
        self.low, self.high = RANGES[kind]
        self.start = start
        self._mean, self._at_most = mean, at_most
        self.evaluations = 0
        self.truth = self._exact()
        self.real: Tensor | None = None

    def mean(self, x: Tensor, sigma: float) -> Tensor:
        """One evaluation: the posterior mean of ``x = x0 + sigma eps``, in the dtype of ``x``."""
        self.evaluations += 1
        return self._mean(x.double(), sigma).to(x.dtype)

    def mean_of(self, x_t: Tensor, alpha: float, sigma: float) -> Tensor:
        """One evaluation at ``x_t = alpha x0 + sigma eps``; without signal, the data's mean."""
        if alpha == 0:
            self.evaluations += 1
            return self._at_most.to(x_t.dtype).expand_as(x_t).clone()
        return self.mean(x_t.double() / alpha, sigma / alpha).to(x_t.dtype)

    def eps_of(self, x_t: Tensor, alpha: float, sigma: float) -> Tensor:
        """The same told as noise."""
        return (x_t - alpha * self.mean_of(x_t, alpha, sigma)) / sigma

    def velocity_of(self, x_t: Tensor, t: float) -> Tensor:
        """The same on the straight path, told as ``eps - x0``."""
        return (x_t - self.mean_of(x_t, 1 - t, t)) / t

    def error(self, x0: Tensor) -> float:
        """Root-mean-square distance from the ends of the exact paths."""
        return (x0.double() - self.truth).square().mean().sqrt().item()

    def _exact(self) -> Tensor:
        """Where the paths end."""
        top = min(self.high, 1e4)
        y = self.start.double()
        if self.high == math.inf:  # At so much noise nothing but the data's mean is known.
            y = y + self._at_most / top
        return runge_kutta(self._mean, y * top, top)


def runge_kutta(mean: Mean, x: Tensor, top: float, steps: int = 300) -> Tensor:
    """Classical Runge-Kutta for ``dx / d log(sigma) = x - E[x0 | x]``: shares no sampler's code."""
    levels = torch.linspace(math.log(top), math.log(2e-4), steps + 1, dtype=F64).tolist()

    def slope(x: Tensor, level: float) -> Tensor:
        return x - mean(x, math.exp(level))

    for a, b in pairwise(levels):
        h = b - a
        k1 = slope(x, a)
        k2 = slope(x + h / 2 * k1, a + h / 2)
        k3 = slope(x + h / 2 * k2, a + h / 2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(x + h * k3, b))
    return mean(x, math.exp(levels[-1]))


# Mixtures ------------------------------------------------------------------------------------


def mixtures() -> dict[str, tuple[GaussianMixture, int]]:
    """Data and how many samples of them: apart, many numbers, anisotropic, and of many scales."""
    g = torch.Generator().manual_seed(2026)

    def normals(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g)

    def log_uniform(k: int, d: int, low: float, high: float) -> Tensor:
        return torch.empty(k, d).uniform_(math.log(low), math.log(high), generator=g).exp()

    bases, _ = torch.linalg.qr(normals(12, 16, 16))
    turned = bases @ torch.diag_embed(log_uniform(12, 16, 0.01, 0.6).square()) @ bases.mT
    falling = 1 / (torch.arange(256) + 1.0)
    falling = falling / falling.norm() * 0.5 * 16
    build = GaussianMixture.build
    return {
        "islands, 2-D": (build(normals(20, 2) * 0.8, stds=0.06), 1024),
        "tilted, 16-D": (build(normals(12, 16) * 0.5, turned), 512),
        "clusters, 64-D": (build(normals(12, 64) * 0.6, stds=log_uniform(12, 64, 0.03, 0.4)), 512),
        "many scales, 256-D": (build(normals(6, 256) * falling * 0.6, stds=falling * 0.8), 256),
    }


def of_mixture(name: str, mixture: GaussianMixture, count: int, kind: str) -> Problem:
    """A mixture under one kind of noise, from states of the exact marginal."""
    exact = MixtureDenoiser(mixture, Gaussian(VE(sigma_max=1e6, rho=1.0)))
    size, indices = mixture.means.shape[1], range(count)

    def mean(x: Tensor, sigma: float) -> Tensor:
        found: Tensor = exact(x, torch.tensor(sigma / 1e6, dtype=F64)).mean
        return found

    def draws(seed: int) -> Tensor:
        u = uniform(seed, Stream.LABEL, indices)
        return mixture.sample(u, normal(seed, Stream.PRIOR, indices, (size,)))

    start = normal(1, Stream.SAMPLER, indices, (size,)).double()
    if kind != "flow":
        start = start + draws(2) / RANGES[kind][1]
    average = mixture.weights @ mixture.means
    problem = Problem(name, kind, mean, average, start.float())
    problem.real = draws(3)
    return problem


# A network -------------------------------------------------------------------------------------


def of_network(steps: int, count: int = 8) -> Problem:
    """A network of handwritten digits, trained here for some steps, under EDM's noise.

    The truth is a solution of 500 evaluations of a sampler of another family, from the same noise.
    """
    run = train("mnist5k", steps=steps, name="sampler-accuracy")
    denoiser = run.denoiser
    assert isinstance(denoiser, Denoiser)
    schedule, told = denoiser.process.schedule, torch.arange(count) % 10
    size = run.model.medium.signal_shape

    @torch.no_grad()
    def mean(x: Tensor, sigma: float) -> Tensor:
        t = schedule.time(torch.tensor(-2 * math.log(sigma), dtype=F64))
        alpha, _ = schedule.coefficients(t)
        found: Tensor = denoiser((alpha * x).float(), t, label=told).mean
        return found

    start = normal(1, Stream.SAMPLER, range(count), size)
    problem = _Network("digits, a network", "edm", mean, torch.zeros(()), start)
    problem.evaluations = 0
    return problem


class _Network(Problem):
    def _exact(self) -> Tensor:
        process = Gaussian(VE())
        noise, x_1 = KeyedNoise(0, range(len(self.start))), self.start * self.high
        sampler = Heun()
        times = sampler.grid.times(len(sampler.plan(499)), process.schedule, self.start[0].numel())
        return last(integrate(Levelled(self, process), sampler, x_1, times, noise, 499)).double()


class Levelled(Denoiser):
    """A problem as a denoiser of any Gaussian process."""

    def __init__(self, problem: Problem, process: Gaussian) -> None:
        super().__init__(process)
        self.problem = problem

    def forward(self, x_t: Tensor, t: Tensor, **cond: object) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        alpha, sigma = self.process.schedule.coefficients(t)
        return Posterior(self.problem.mean_of(x_t, alpha.item(), sigma.item()))
