"""The Wiener sampler: the posterior mean as a polynomial in the gain of a Wiener filter.

    psi = alpha / (sigma**(2 power) + (alpha pivot)**(2 power))**(1 / (2 power))

Along the probability-flow ODE of normal data with mean ``m`` and deviation ``pivot`` the posterior
mean, there the Wiener filter, is ``m + pivot**2 psi eps`` with ``power = 1``, where ``eps`` is the
noise the path began at: linear in ``psi``. What makes it a good variable for other data too is how
it behaves at the ends. At high noise it is ``alpha / sigma``, in which every posterior mean is
smooth; at low noise it is even in ``sigma``, as every posterior mean of data with a smooth density
is. So the last step need not stop at the posterior mean of its start: the polynomial is read off
without noise, at a weight that goes with ``sigma**2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.sampling.multistep import Multistep, lagrange
from sfumato.sampling.sampler import Context, Evaluation

_GROWTH = 0.1


class Wiener(Multistep):
    """Exponential Adams-Bashforth-Moulton in the gain, with variable steps.

    The integrals are those of every multistep sampler here; the variable and the last step are its
    own. Its numbers were chosen on exact mixtures, see ``benchmarks/sampler_accuracy.py``.
    """

    summary: ClassVar[str] = "multistep in a Wiener filter's gain; the most accurate at any budget"

    kind: Literal["wiener"] = "wiener"
    order: int = Field(
        default=4, ge=1, le=4, description="how many posterior means a step combines at most"
    )
    pivot: float | None = Field(
        default=None, gt=0, description="deviation of data it is exact for; None = by the size"
    )
    power: float = Field(
        default=0.7, gt=0, le=2, description="below 1 = a gentler turn, for data of many deviations"
    )

    def sized(self, size: int) -> Wiener:
        """With a pivot: the larger a sample, the more noise it takes to hide all of it."""
        return self if self.pivot is not None else _with_pivot(self, size**_GROWTH)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """As all multistep samplers do, for samples of the size that they have."""
        sized = self.sized(x_t[0].numel()) if len(x_t) else self
        return super(Wiener, sized).step(x_t, t, s, context)

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``psi``, in [0, 1 / pivot]."""
        twice = 2 * self.power
        return alpha / (sigma.pow(twice) + (alpha * self._pivot).pow(twice)).pow(1 / twice)

    @property
    def _pivot(self) -> float:
        return 1.0 if self.pivot is None else self.pivot

    def order_at(self, context: Context) -> int:
        """2 below 8 steps, 3 below 16: where steps are long, old posterior means are far away."""
        return min(self.order, 2 + context.steps // 8)

    def finish(self, context: Context, nodes: Sequence[Evaluation]) -> Tensor:
        """The line through the two last posterior means, at no noise."""
        if len(nodes) == 1:
            return nodes[0].mean
        last, before = nodes[:2]
        alpha, sigma = context.process.schedule.coefficients(torch.stack([last.t, before.t]))
        clean = torch.full((1,), 1 / self._pivot, dtype=torch.float64)
        _, weight = lagrange(self.variable(alpha, sigma), clean)
        # As a difference, so that data that are one point are found exactly.
        return last.mean.lerp(before.mean, weight.item())


# One object for each size: what a step takes is kept by sampler.
@lru_cache(maxsize=64)
def _with_pivot(sampler: Wiener, pivot: float) -> Wiener:
    return sampler.model_copy(update={"pivot": pivot})
