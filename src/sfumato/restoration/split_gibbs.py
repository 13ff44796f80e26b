"""Split Gibbs sampling: the observation and the model in turns, coupled ever more tightly.

    z ~ p(y | z) N(z; x, rho^2),    x ~ p(x0) N(x0; z, rho^2)

The first is a normal distribution through a linear operator, and a Metropolis chain otherwise; the
second is the reverse process from the noise level ``rho``. The samples ``x`` approach the posterior
as ``rho`` goes to 0 and the rounds to infinity. Between distant modes they move while ``rho`` is
large only. Sources: Wu et al. 2024 (PnP-DM, arXiv:2405.18782), algorithm 1; Xu & Chi 2024 (DPnP,
arXiv:2403.17042), algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator

from sfumato.restoration.conditional import Conditional
from sfumato.restoration.method import Method
from sfumato.restoration.problem import Problem
from sfumato.restoration.rounds import Rounds, costs_of_rounds
from sfumato.sampling.ddim import Ancestral
from sfumato.sampling.loop import State
from sfumato.sampling.sampler import Sampler


class SplitGibbs(Method):
    """Split Gibbs sampling, whose reverse process is the ancestral chain.

    The sampler is not used, as each round has to draw from the model given its state.
    """

    summary: ClassVar[str] = "split Gibbs: exact in the limit of many rounds, for any likelihood"
    needs_gradients: ClassVar[bool] = False

    kind: Literal["split-gibbs"] = "split-gibbs"
    inner: int = Field(default=5, ge=1, le=1000, description="evaluations of a round")
    largest: float = Field(
        default=10.0, gt=0, le=100, description="rho of the first round, in units of the data"
    )
    coupling: float = Field(
        default=0.05, gt=0, le=100, description="rho of the last rounds, in units of the data"
    )
    annealing: float = Field(
        default=0.7, ge=0, le=1, description="share of the rounds in which rho falls"
    )
    chain: int = Field(
        default=20, ge=0, le=500, description="steps of a chain for operators that are not linear"
    )

    @model_validator(mode="after")
    def _falls(self) -> SplitGibbs:
        if self.coupling > self.largest:
            raise ValueError("coupling cannot be above largest")
        return self

    def states(self, problem: Problem, sampler: Sampler, evaluations: int) -> Iterator[State]:
        """See :meth:`Method.states`."""
        costs = costs_of_rounds(evaluations, self.inner)
        return self._states(problem, Rounds(problem, Ancestral(), costs))

    def _states(self, problem: Problem, rounds: Rounds) -> Iterator[State]:
        denoiser, noise = problem.denoiser(1), problem.noise()
        conditional = Conditional(problem.observation, problem.tiling(), self.chain)
        x0, first = rounds.first(denoiser, self.largest)
        for number, level in enumerate(self._levels(first, len(rounds.costs))):
            given = conditional.draw(x0, level, noise, rounds.address(number))
            states = rounds.reverse(denoiser, given, level, number)
            yield rounds.state(next(states), number)
            for state in states:
                x0 = state.x_t
        yield rounds.last(x0)

    def _levels(self, first: float, rounds: int) -> list[float]:
        """``rho`` of each round: a geometric fall, then the last value."""
        last = min(self.coupling, first)
        falling = min(max(2, round(rounds * self.annealing)), rounds)
        fall = torch.linspace(math.log(first), math.log(last), falling, dtype=torch.float64)
        return [*fall.exp().tolist(), *[last] * (rounds - falling)]
