"""Decoupled annealing: clean data from the model, moved towards the observation, noised again.

    x0 = the end of the probability-flow ODE from the noise level r
    x0 ~ N(x0, r^2) p(y | x0),    then noise of the next level is added

Source: Zhang et al. 2024 (arXiv:2407.01521), algorithm 1, whose draw in the second line is exact
here for linear operators, and with the true noise of the observation: the published settings
divide by a fifth of it. The deviation ``r`` of the clean data given the state is a guess, so that
the samples are those of the posterior in no case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator

from sfumato.restoration.conditional import Conditional
from sfumato.restoration.method import Method
from sfumato.restoration.problem import Problem
from sfumato.restoration.rounds import Rounds, costs_of_rounds
from sfumato.sampling.ddim import DDIM
from sfumato.sampling.loop import State
from sfumato.sampling.sampler import Sampler

# Levels fall by equal steps of their seventh root (Karras et al. 2022, arXiv:2206.00364, eq. 5).
_RHO = 7


class DAPS(Method):
    """Decoupled annealing, whose reverse process is Euler's method on the ODE.

    The sampler is not used, as each round has to start from its own noise level.
    """

    summary: ClassVar[str] = "decoupled annealing, with the true noise: exact in no case"
    needs_gradients: ClassVar[bool] = False

    kind: Literal["daps"] = "daps"
    inner: int = Field(default=5, ge=1, le=1000, description="evaluations of a round")
    largest: float = Field(
        default=100.0, gt=0, le=100, description="noise level of the first round"
    )
    smallest: float = Field(default=0.02, gt=0, le=100, description="noise level of the last round")
    chain: int = Field(
        default=20, ge=0, le=500, description="steps of a chain for operators that are not linear"
    )

    @model_validator(mode="after")
    def _falls(self) -> DAPS:
        if self.smallest > self.largest:
            raise ValueError("smallest cannot be above largest")
        return self

    def states(self, problem: Problem, sampler: Sampler, evaluations: int) -> Iterator[State]:
        """See :meth:`Method.states`."""
        costs = costs_of_rounds(evaluations, self.inner)
        return self._states(problem, Rounds(problem, DDIM(), costs))

    def _states(self, problem: Problem, rounds: Rounds) -> Iterator[State]:
        denoiser, noise = problem.denoiser(1), problem.noise()
        conditional = Conditional(problem.observation, problem.tiling(), self.chain)
        noisy, first = rounds.first(denoiser, self.largest)
        levels = self._levels(first, len(rounds.costs))
        for number, (level, lower) in enumerate(zip(levels, [*levels[1:], 0.0], strict=True)):
            states = rounds.reverse(denoiser, noisy, level, number)
            yield rounds.state(next(states), number)
            for state in states:
                noisy = state.x_t
            address = rounds.address(number)
            x0 = conditional.draw(noisy, level, noise, address)
            noisy = x0 + lower * noise.step(address + 1, problem.shape)
        yield rounds.last(noisy)

    def _levels(self, first: float, rounds: int) -> list[float]:
        """The noise level of each round."""
        last = min(self.smallest, first)
        roots = torch.linspace(first ** (1 / _RHO), last ** (1 / _RHO), rounds, dtype=torch.float64)
        return [float(level) for level in roots.pow(_RHO)]
