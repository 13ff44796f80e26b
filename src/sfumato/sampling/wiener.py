"""The Wiener sampler: the posterior mean as a polynomial in the gain of a Wiener filter.

    psi = alpha / (sigma**(2 power) + (alpha pivot)**(2 power))**(1 / (2 power))

Along the probability-flow ODE of normal data with mean ``m`` and deviation ``pivot`` the posterior
mean, there the Wiener filter, is ``m + pivot**2 psi eps`` with ``power = 1``, where ``eps`` is the
noise at the start of the path: linear in ``psi``. Its behaviour at both ends makes it a good
variable for other data too. At high noise it is ``alpha / sigma``, in which every posterior mean is
smooth; at low noise it is even in ``sigma``, like every posterior mean of data with a smooth
density. So the last step can extrapolate the polynomial to zero noise, with a weight proportional
to ``sigma**2``, instead of stopping at the posterior mean of its start.
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

    It differs from the other multistep samplers in the variable and in the last step. Its numbers
    were chosen on exact mixtures, see ``benchmarks/sampler_accuracy.py``.
    """

    summary: ClassVar[str] = "multistep in a Wiener filter's gain; the most accurate at any budget"

    kind: Literal["wiener"] = "wiener"
    order: int = Field(
        default=4, ge=1, le=4, description="largest number of posterior means that a step combines"
    )
    pivot: float | None = Field(
        default=None,
        gt=0,
        description="deviation of normal data for which it is exact; None = by the size",
    )
    power: float = Field(
        default=0.7,
        gt=0,
        le=2,
        description="below 1 = a wider transition, for data of many deviations",
    )

    def sized(self, size: int) -> Wiener:
        """The sampler with a pivot that grows with the size, as larger samples need more noise."""
        return self if self.pivot is not None else _with_pivot(self, size**_GROWTH)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """See :meth:`Multistep.step`; the pivot is set by the size of the samples."""
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
        """The line through the last two posterior means, extrapolated to zero noise."""
        if len(nodes) == 1:
            return nodes[0].mean
        last, before = nodes[:2]
        alpha, sigma = context.process.schedule.coefficients(torch.stack([last.t, before.t]))
        clean = torch.full((1,), 1 / self._pivot, dtype=torch.float64)
        _, weight = lagrange(self.variable(alpha, sigma), clean)
        # As a difference, which is exact for data that are a single point.
        return last.mean.lerp(before.mean, weight.item())


# One object for each size, as the terms of a step are cached by sampler.
@lru_cache(maxsize=64)
def _with_pivot(sampler: Wiener, pivot: float) -> Wiener:
    return sampler.model_copy(update={"pivot": pivot})
