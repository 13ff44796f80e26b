"""A sampler whose times and weights are fitted to one model and one number of evaluations.

    y_k+1 = y_k + (r_k+1 - r_k) sum_j w_kj D_j,      y = x_t / sigma,  r = alpha / sigma

with the posterior means ``D_j`` of all steps so far. Each row of weights sums to 1, so that the
sampler is exact for data that are a single point. The last row gives the data. This covers every
linear multistep sampler with these evaluations, as the non-stationary solvers of Shaul et al. 2024
(arXiv:2403.01329).
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.process.grids import TimeGrid
from sfumato.sampling.sampler import Context, Evaluation, Sampler, blend

Rows = tuple[tuple[float, ...], ...]


class Tuned(Sampler):
    """A sampler with individual weights for every step, as ``sfumato tune`` fits them."""

    summary: ClassVar[str] = "fitted to one model and one number of evaluations"

    kind: Literal["tuned"] = "tuned"
    weights: Rows = Field(
        min_length=1, description="a row for each step: the weight of each mean, oldest first"
    )
    grid: TimeGrid

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        if any(len(row) != k + 1 for k, row in enumerate(self.weights)):
            raise ValueError("row k of the weights needs k + 1 numbers")
        if any(abs(sum(row) - 1) > 1e-6 for row in self.weights):
            raise ValueError("every row of the weights has to sum to 1")
        if len(self.grid.at) + 1 != len(self.weights):
            raise ValueError("the grid needs a time for every step but the first")
        return self

    @property
    def memory(self) -> int:
        """All evaluations."""
        return len(self.weights)

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """One evaluation per step.

        Raises:
            SettingError: The sampler was fitted to another number of evaluations.
        """
        if evaluations != len(self.weights):
            raise SettingError(
                f"This sampler was tuned for {len(self.weights)} evaluations, not {evaluations}.",
                hint=f"use --steps {len(self.weights)}, or another sampler",
            )
        return super().plan(evaluations)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Combine the means by the row of this step."""
        mean = context.denoise(x_t, t)
        # As differences from the newest mean, which keeps constants exact.
        believed = mean
        for weight, past in zip(self.weights[context.step][-2::-1], context.history, strict=True):
            believed = believed + weight * (past.mean - mean)
        if s == 0:
            return believed
        context.history.appendleft(Evaluation(t, x_t, mean))
        alpha, sigma = context.process.schedule.coefficients(torch.stack([t, s]))
        kept = (sigma[1] / sigma[0]).item()
        taken = (alpha[1] - kept * alpha[0]).item()
        return blend(x_t, kept, [believed], [taken])
