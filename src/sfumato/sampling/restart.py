"""Restart: part of the path is integrated again from fresh noise.

Noise that is added while sampling lets later steps correct earlier errors. Added all at once before
a stretch that is integrated without noise, it does so at the small error of an ODE solver.
Source: Xu et al. 2023 (arXiv:2306.14878), algorithm 2.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.sampling.runge_kutta import plan_in, runge_kutta
from sfumato.sampling.sampler import Context, Evaluation, Sampler


class Restart(Sampler):
    """Heun's steps, some of which are repeated from fresh noise in the middle of the grid.

    The times of the loop only fall, so the repetitions belong to the step that ends where the
    stretch does, and to its cost. If the budget has no room for a round, there is none.
    """

    summary: ClassVar[str] = "Heun, with part of the path repeated from fresh noise"

    kind: Literal["restart"] = "restart"
    rounds: int = Field(default=1, ge=1, le=100, description="number of repetitions of the stretch")
    span: int = Field(default=2, ge=1, le=100, description="number of steps of the stretch")

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """Steps of two evaluations; one step also has the cost of the rounds."""
        extra = 2 * self.span * self.rounds
        # The stretch itself has to fit once, with steps before and after it.
        if evaluations - extra < 2 * (self.span + 1) + 1:
            return plan_in(2, evaluations)
        plan = list(plan_in(2, evaluations - extra))
        plan[self._place(len(plan))] += extra
        return tuple(plan)

    def _place(self, steps: int) -> int:
        """The step at whose end the stretch ends: past the middle, with room for the stretch."""
        return max(self.span, (2 * (steps - 1)) // 3)

    @property
    def memory(self) -> int:
        """The states at which the steps of the stretch began."""
        return self.span

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Heun's step, and the rounds after the step at the end of the stretch."""
        context.history.appendleft(Evaluation(t, x_t, x_t))
        own = min(context.cost, 2)
        x_s = runge_kutta(x_t, t, s, context.costing(own))
        if context.cost == own:
            return x_s
        times = [*(state.t for state in reversed(context.history)), s]
        for number in range(self.rounds):
            x_s = _noised(x_s, s, times[0], context.noise(draw=number), context)
            for a, b in pairwise(times):
                x_s = runge_kutta(x_s, a, b, context.costing(2))
        return x_s


def _noised(x_s: Tensor, s: Tensor, t: Tensor, noise: Tensor, context: Context) -> Tensor:
    """A draw of the process at ``t > s``, given its state at ``s``."""
    alpha, sigma = context.process.schedule.coefficients(torch.stack([s, t]))
    kept = (alpha[1] / alpha[0]).item()
    added = (sigma[1].square() - (kept * sigma[0]).square()).clamp_min(0).sqrt().item()
    return kept * x_s + added * noise
