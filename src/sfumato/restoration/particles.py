"""Particles: twisted sequential Monte Carlo, exact in the limit of many particles.

A single sample that is guided by an observation decides early, at high noise, for one of the modes
of the data, on the strength of a normal approximation; if it decides wrongly it cannot come back.
Several particles of each sample are weighted by how well they are going to explain the observation,
and those that are not are replaced by copies of those that are.

With the twist ``psi(x_t)``, an approximation of ``p(y | x_t)``, and a proposal ``q`` that is the
step of the guided denoiser, the weight of a particle after a step from ``t`` to ``s`` is multiplied
by

    psi(x_s) / psi(x_t)  p(x_s | x_t) / q(x_s | x_t)

which corrects every error of the guidance and of the twist but that of the grid. Source: Wu et al.
2023 (TDS, arXiv:2306.17775), algorithm 1; the resampling is systematic, and done only when the
effective size has fallen below a half (Doucet & Johansen 2009, section 3.5).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from sfumato.denoiser import Posterior
from sfumato.errors import SettingError
from sfumato.process.gaussian import Gaussian
from sfumato.restoration.method import Guide, PosteriorDenoiser, Restoring
from sfumato.restoration.observation import Observation
from sfumato.restoration.problem import Problem
from sfumato.restoration.solver import row_dot
from sfumato.sampling.loop import State
from sfumato.sampling.sampler import Sampler

_RESAMPLED_BELOW = 0.5
_TRUSTED = 64
MOST_PARTICLES = 1024
"""The largest number of particles of a sample."""


@dataclass(frozen=True, eq=False)
class Twisted:
    """What is believed at a state, without and with the observation.

    Attributes:
        prior: ``E[x0 | x_t]``, shape (B, ...).
        mean: ``E[x0 | x_t, y]``, same shape.
        log_likelihood: ``log psi(x_t)`` up to a number that depends on the time alone, float64,
            shape (B,).
    """

    prior: Tensor
    mean: Tensor
    log_likelihood: Tensor


class TwistedDenoiser(PosteriorDenoiser):
    """A denoiser of the posterior that also knows the likelihood of the observation."""

    @abstractmethod
    def twisted(self, x_t: Tensor, t: Tensor, **cond: Any) -> Twisted:
        """What is believed at a state.

        Args:
            x_t: States, shape (B, ...).
            t: Time in (0, 1], float64, shape ().
            **cond: Conditions with B rows.
        """

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`PosteriorDenoiser.forward`."""
        return Posterior(self.twisted(x_t, t, **cond).mean)


class ParticleGuide(Guide):
    """Base of the guides whose errors particles can correct.

    With several particles the steps are those of the reverse Markov process, as the weights need
    the density of a step; with one particle any sampler can be used.
    """

    particles: int = Field(
        default=4,
        ge=1,
        le=MOST_PARTICLES,
        description="particles of each sample; 1 = no correction",
    )

    @property
    def rows(self) -> int:
        """See :attr:`Method.rows`."""
        return self.particles

    def states(self, problem: Problem, sampler: Sampler, evaluations: int) -> Iterator[State]:
        """See :meth:`Method.states`."""
        if self.particles == 1:
            return super().states(problem, sampler, evaluations)
        if evaluations < 1:
            raise SettingError(f"At least one evaluation is needed, not {evaluations}.")
        return self._filtered(problem, sampler, evaluations)

    def _filtered(self, problem: Problem, sampler: Sampler, evaluations: int) -> Iterator[State]:
        count = self.particles
        denoiser = self.guided(
            problem.denoiser(count),
            problem.observation,
            problem.covariance,
            problem.tiling(count),
        )
        if not isinstance(denoiser, TwistedDenoiser):
            raise TypeError("particles need the likelihood of the observation")
        noise, cond, times = problem.noise(count), problem.conditions(count), problem.times
        if len(times) != evaluations + 1:
            # The steps of the sampler have several evaluations; those here have one.
            schedule, start = denoiser.process.schedule, times[0].item()
            times = sampler.grid.times(evaluations, schedule, math.prod(problem.shape), start)
        steps = len(times) - 1
        swarm = Swarm(len(problem.indices), count, trust(problem.observation))
        x_t = problem.first_state(denoiser, count)
        for step, (t, s) in enumerate(pairwise(times)):
            twisted = denoiser.twisted(x_t, t, **cond)
            swarm.weigh(twisted.log_likelihood)
            yield self._shown(swarm, step, steps, t.item(), x_t, twisted.mean)
            if s == 0:
                break
            chosen = swarm.resampled(noise.uniform(step))
            x_t, prior, mean = x_t[chosen], twisted.prior[chosen], twisted.mean[chosen]
            own = denoiser.process.bridge(x_t, mean, t, s)
            drawn = noise.step(step, problem.shape)
            x_t = own.sample(drawn)
            swarm.correct(log_ratio(denoiser.process, (t, s), mean - prior, drawn))
        last = twisted.mean[swarm.drawn(noise.uniform(steps))]
        yield Restoring(steps, steps, 0.0, last, last, steps, swarm.average)

    def _shown(
        self, swarm: Swarm, step: int, steps: int, t: float, x_t: Tensor, mean: Tensor
    ) -> State:
        heaviest = swarm.heaviest
        return Restoring(steps=steps, step=step, t=t, x_t=x_t[heaviest], belief=mean[heaviest],
                         evaluations=step, effective=swarm.average)  # fmt: skip


class Swarm:
    """The weights of the particles of several samples.

    Args:
        samples: Number of samples, n.
        particles: Number of particles of each, K. Row ``i * K + p`` is particle ``p`` of sample
            ``i``.
        trust: The power that all weights are raised to, see :func:`trust`.
    """

    def __init__(self, samples: int, particles: int, trust: float = 1.0) -> None:
        self.samples, self.particles, self.trust = samples, particles, trust
        self._log_weights = torch.zeros(samples, particles, dtype=torch.float64)
        self._likelihood: Tensor | None = None
        self._sizes: list[Tensor] = []

    def weigh(self, log_likelihood: Tensor) -> None:
        """Multiply the weights by the likelihood at the present states over that before."""
        now = self.trust * log_likelihood.cpu().reshape(self.samples, self.particles)
        before = torch.zeros_like(now) if self._likelihood is None else self._likelihood
        self._log_weights = self._log_weights + now - before
        self._likelihood = now
        self._sizes.append(self.effective)

    def correct(self, log_ratio: Tensor) -> None:
        """Multiply the weights by ``p / q`` of the last step."""
        self._log_weights = self._log_weights + self.trust * log_ratio.cpu().reshape(
            self._log_weights.shape
        )

    @property
    def weights(self) -> Tensor:
        """The weights of the particles, each row of which sums to 1, float64, shape (n, K)."""
        return self._log_weights.softmax(1)

    @property
    def effective(self) -> Tensor:
        """The effective number of particles of each sample, in [1, K], float64, shape (n,)."""
        return 1 / self.weights.square().sum(1)

    @property
    def average(self) -> Tensor:
        """The mean of the effective numbers over the steps so far, float64, shape (n,)."""
        return torch.stack(self._sizes).mean(0)

    @property
    def heaviest(self) -> Tensor:
        """The row of the particle of each sample that has the largest weight, shape (n,)."""
        return self._rows(self._log_weights.argmax(1, keepdim=True))

    def resampled(self, u: Tensor) -> Tensor:
        """The rows that go on: all of them, or copies where the weights are uneven.

        Args:
            u: A uniform number in [0, 1) for each sample.

        Returns:
            int64, shape (n K,).
        """
        uneven = self.effective < _RESAMPLED_BELOW * self.particles
        same = torch.arange(self.particles).expand(self.samples, -1)
        places = torch.where(uneven[:, None], self._systematic(u), same)
        self._log_weights = torch.where(uneven[:, None], 0.0, self._log_weights)
        if self._likelihood is not None:
            self._likelihood = self._likelihood.gather(1, places)
        return self._rows(places)

    def drawn(self, u: Tensor) -> Tensor:
        """One row of each sample, drawn by the weights, shape (n,)."""
        edges = self.weights.cumsum(1)
        place = torch.searchsorted(edges, u.cpu()[:, None] * edges[:, -1:], right=True)
        return self._rows(place.clamp_max(self.particles - 1))

    def _systematic(self, u: Tensor) -> Tensor:
        edges = self.weights.cumsum(1)
        levels = (torch.arange(self.particles) + u.cpu()[:, None]) / self.particles
        places = torch.searchsorted(edges, levels * edges[:, -1:], right=True)
        return places.clamp_max(self.particles - 1)

    def _rows(self, places: Tensor) -> Tensor:
        first = torch.arange(self.samples)[:, None] * self.particles
        return (first + places).flatten()


def trust(observation: Observation) -> float:
    """The power that weights are raised to.

    Up to 64 observed values it is 1, and the weights are exact. The errors of a network in many
    values depend on each other, so a thousand of them do not tell as much as their likelihood
    says: with all of it, one particle would have all the weight at every step.

    Args:
        observation: What is known.
    """
    return min(1.0, _TRUSTED / observation.values[0].numel())


def log_ratio(
    process: Gaussian, times: tuple[Tensor, Tensor], shift: Tensor, drawn: Tensor
) -> Tensor:
    """``log p(x_s | x_t) - log q(x_s | x_t)`` of steps along the bridge.

    Both are normal with the same deviation, and their means differ by a multiple of the difference
    of the posterior means.

    Args:
        process: The process.
        times: ``(t, s)``.
        shift: The posterior mean of ``q`` minus that of ``p``, shape (B, ...).
        drawn: The standard normal noise of ``q``, same shape.

    Returns:
        float64, shape (B,).
    """
    t, s = times
    zero = torch.zeros(1, dtype=torch.float64)
    step = process.bridge(zero, torch.ones_like(zero), t, s)
    gain = (step.mean / step.std).item()
    return -0.5 * gain**2 * row_dot(shift, shift) - gain * row_dot(shift, drawn)
