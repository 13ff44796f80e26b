"""Methods that run the reverse process in rounds, each from a lower noise level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser
from sfumato.errors import SettingError
from sfumato.restoration.conditional import noise_level
from sfumato.restoration.problem import Problem
from sfumato.sampling.loop import State, integrate
from sfumato.sampling.noise import ParticleNoise
from sfumato.sampling.sampler import Sampler


def costs_of_rounds(evaluations: int, inner: int) -> list[int]:
    """The evaluations of each round, which add up to all of them.

    Args:
        evaluations: Number of evaluations of a sample.
        inner: The least number of a round, unless there are fewer altogether.

    Raises:
        SettingError: ``evaluations`` is below 1.
    """
    if evaluations < 1:
        raise SettingError(f"At least one evaluation is needed, not {evaluations}.")
    rounds = max(1, evaluations // inner)
    return [evaluations // rounds + (k < evaluations % rounds) for k in range(rounds)]


@dataclass(frozen=True, eq=False)
class Rounds:
    """The reverse process of a problem from any noise level, with noise for each round.

    Attributes:
        problem: The problem.
        sampler: The rule for a step.
        costs: The evaluations of each round.
    """

    problem: Problem
    sampler: Sampler
    costs: Sequence[int]

    def first(self, denoiser: Denoiser, largest: float) -> tuple[Tensor, float]:
        """Data with noise, in units of the data, to start from, and the level of their noise.

        Args:
            denoiser: The denoiser of the prior.
            largest: The largest level, which also stands for states without signal.
        """
        problem = self.problem
        level = min(largest, noise_level(denoiser.process.schedule, problem.times[0]))
        noise = problem.noise().prior(problem.shape)
        return (0 if problem.start is None else problem.start.to(noise)) + level * noise, level

    def reverse(
        self, denoiser: Denoiser, noisy: Tensor, level: float, number: int
    ) -> Iterator[State]:
        """The states of one round.

        Args:
            denoiser: The denoiser of the prior.
            noisy: Data with noise of the level, shape (B, C, *sides).
            level: The standard deviation of the noise.
            number: Number of the round, from 0.
        """
        schedule, cost = denoiser.process.schedule, self.costs[number]
        t = schedule.time(-2 * torch.tensor(level, dtype=torch.float64).log())
        alpha, _ = schedule.coefficients(t)
        steps = len(self.sampler.plan(cost))
        times = self.sampler.grid.times(steps, schedule, noisy[0].numel(), t.item())
        noise = _Shifted(self.problem.noise(), self.address(number) + 1)
        x_t = alpha.item() * noisy
        return integrate(denoiser, self.sampler, x_t, times, noise, cost, self.problem.cond)

    def address(self, number: int) -> int:
        """The first address of the noise of a round, which the reverse process does not use."""
        return self.spent(number) + number

    def spent(self, number: int) -> int:
        """The evaluations before a round."""
        return sum(self.costs[:number])

    def state(self, first: State, number: int) -> State:
        """The first state of a round as one of the whole method."""
        return State(number, len(self.costs), first.t, first.x_t, first.belief, self.spent(number))

    def last(self, x0: Tensor) -> State:
        """The result."""
        steps = len(self.costs)
        return State(steps, steps, 0.0, x0, x0, self.spent(steps))


@dataclass(frozen=True)
class _Shifted:
    """Noise whose steps are counted from a later one."""

    noise: ParticleNoise
    by: int

    def prior(self, shape: Sequence[int]) -> Tensor:
        return self.noise.prior(shape)

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        return self.noise.step(self.by + step, shape, draw)
