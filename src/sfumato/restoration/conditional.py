"""Clean data that are known up to isotropic normal noise, given an observation as well.

    p(x0 | c, y) ~ N(x0; c, r^2) p(y | x0)

Through a linear operator it is normal. A draw takes one system of equations: of a draw from
``N(c, r^2)``, what it misses of the observation, with noise of its own, is corrected by the gain of
the posterior mean (Hoffman & Ribak 1991, "Constrained realizations of Gaussian fields").

Through any other operator such draws, with the operator linearised near the most probable data, are
the proposals of a Metropolis chain that preserves the normal distribution of the linearised
problem, and so accepts by what the linearisation neglects alone (Rudolf & Sprungk 2018,
arXiv:1504.03461, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.process.schedule import Schedule
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.likelihood import Linearised
from sfumato.restoration.observation import Observation
from sfumato.restoration.problem import Tiling
from sfumato.restoration.solver import of_rows, row_dot
from sfumato.sampling.noise import ParticleNoise

LARGEST_LEVEL = 100.0
"""A noise level at which nothing is left of data of unit size, for states without any signal."""

# Steps of Gauss and Newton to where an operator is linearised, the share of a proposal that is new,
# and the addresses of the uniform numbers of one chain.
_NEWTON, _MOVE, _CHAIN = 5, 0.5, 1024


def noise_level(schedule: Schedule, t: Tensor) -> float:
    """``sigma / alpha`` at a time, at most :data:`LARGEST_LEVEL`."""
    return min(math.exp(-schedule.log_snr(t).item() / 2), LARGEST_LEVEL)


def isotropic_inverse(
    linear: Linearised, observation: Observation, data: Tensor, std: float
) -> Callable[[Tensor], Tensor]:
    """``(r^2 A A^T / s^2 + I)^-1``: the inverse covariance of an observation of isotropic data.

    Args:
        linear: The observation, linearised at some data.
        observation: The observation.
        data: The data, shape (B, C, *sides).
        std: ``r``, their standard deviation.
    """
    covariance = Covariance.isotropic(data.shape[1:], std).to(data)
    return linear.inverse(covariance, observation.operator.is_linear)


@dataclass(frozen=True)
class Conditional:
    """The distribution ``p(x0 | c, y)`` for each row of a batch.

    Attributes:
        observation: The observation.
        tiling: How rows are grouped.
        steps: Steps of the Metropolis chain for operators that are not linear.
    """

    observation: Observation
    tiling: Tiling
    steps: int

    def draw(self, centre: Tensor, std: float, noise: ParticleNoise, step: int) -> Tensor:
        """One draw for each row.

        Args:
            centre: ``c``, shape (B, C, *sides).
            std: ``r``, positive.
            noise: The source of noise.
            step: Its address, which no other draw shares.
        """
        is_linear = self.observation.operator.is_linear
        point = centre if is_linear else self._most_probable(centre, std)
        linear, solve, target = self._normal(centre, std, point)
        mean = target if is_linear else point
        shapes = centre.shape[1:], linear.residual.shape[1:]

        def deviation(number: int) -> Tensor:
            """A draw from the linearised problem, minus its mean."""
            free = std * noise.step(step, shapes[0], draw=2 * number)
            seen = noise.step(step, shapes[1], draw=2 * number + 1)
            return free - std**2 * linear.transpose(solve(linear.apply(free) + seen))

        x0 = mean + deviation(0)
        if is_linear:
            return x0
        own = self._neglected(linear, centre, mean, std)
        x0 = torch.where(of_rows(own(x0).isfinite(), x0).bool(), x0, mean)
        energy = own(x0)
        for number in range(1, self.steps + 1):
            share = math.sqrt(1 - _MOVE**2)
            proposal = mean + share * (x0 - mean) + _MOVE * deviation(number)
            proposed = own(proposal)
            u = noise.uniform(step * _CHAIN + number).to(energy)
            accepted = torch.log(1 - u) < energy - proposed
            x0 = torch.where(of_rows(accepted, x0).bool(), proposal, x0)
            energy = torch.where(accepted, proposed, energy)
        return x0

    def _normal(
        self, centre: Tensor, std: float, point: Tensor
    ) -> tuple[Linearised, Callable[[Tensor], Tensor], Tensor]:
        """The problem linearised at a point: the operator, the inverse, and the mean."""
        linear = Linearised.at(self.observation, point, self.tiling)
        solve = isotropic_inverse(linear, self.observation, centre, std)
        missing = linear.residual
        if point is not centre:
            missing = missing + linear.apply(point - centre)
        return linear, solve, centre + std**2 * linear.transpose(solve(missing))

    def _most_probable(self, centre: Tensor, std: float) -> Tensor:
        """The point of the largest density, by steps of Gauss and Newton that never lower it."""
        point, energy = centre, self._energy(centre, centre, std)
        share = torch.ones_like(energy)
        for _ in range(_NEWTON):
            step = self._normal(centre, std, point)[2] - point
            trial = point + of_rows(share, step) * step
            found = self._energy(trial, centre, std)
            better = found < energy
            point = torch.where(of_rows(better, point).bool(), trial, point)
            energy = torch.where(better, found, energy)
            share = torch.where(better, 1.0, share / 4)
        return point

    def _energy(self, x0: Tensor, centre: Tensor, std: float) -> Tensor:
        """Minus the log-density of data, float64, shape (B,)."""
        parts = len(self.tiling.split(x0))
        residual = self.tiling.apply([self.observation.residual] * parts, x0)
        away = x0 - centre
        return (row_dot(residual, residual) + row_dot(away, away) / std**2) / 2

    def _neglected(
        self, linear: Linearised, centre: Tensor, mean: Tensor, std: float
    ) -> Callable[[Tensor], Tensor]:
        """Minus the log-density of data, relative to that of the linearised problem."""

        def energy(x0: Tensor) -> Tensor:
            away = x0 - mean
            image = linear.apply(away)
            normal = (row_dot(image, image) + row_dot(away, away) / std**2) / 2
            return self._energy(x0, centre, std) - normal

        return energy
