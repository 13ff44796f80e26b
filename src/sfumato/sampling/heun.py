"""Heun's second-order step, without and with churn."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.sampling.runge_kutta import plan_in, runge_kutta
from sfumato.sampling.sampler import Context, Sampler


class Heun(Sampler):
    """The deterministic sampler of Karras et al. 2022 (arXiv:2206.00364), algorithm 1."""

    summary: ClassVar[str] = "second order, two evaluations a step"

    kind: Literal["heun"] = "heun"

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """See :func:`plan_in`."""
        return plan_in(2, evaluations)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """One trapezoid."""
        return runge_kutta(x_t, t, s, context)


class StochasticHeun(Sampler):
    """Heun's step from a state with some noise added first.

    Source: Karras et al. 2022 (arXiv:2206.00364), algorithm 2. Adding noise raises the level
    ``sigma / alpha``, so on any schedule the step starts from the time that has the higher level.
    Published settings for CIFAR-10: 30, 0.01, 1, 1.007; for ImageNet-64: 40, 0.05, 50, 1.003.
    """

    summary: ClassVar[str] = "EDM's Heun with churn: fresh noise mends an imperfect network"

    kind: Literal["edm"] = "edm"
    churn: float = Field(default=40.0, ge=0, description="S_churn, spread over the steps; 0 = none")
    s_min: float = Field(default=0.05, ge=0, description="least noise level that is churned")
    s_max: float = Field(default=50.0, gt=0, description="greatest noise level that is churned")
    s_noise: float = Field(default=1.0, gt=0, description="deviation of the added noise")

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """See :func:`plan_in`."""
        return plan_in(2, evaluations)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Add noise, then one trapezoid."""
        x_t, t = self._churned(x_t, t, context)
        return runge_kutta(x_t, t, s, context)

    def _churned(self, x_t: Tensor, t: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        schedule = context.process.schedule
        alpha, sigma = schedule.coefficients(t)
        level = sigma / alpha
        if self.churn == 0 or not self.s_min <= level <= self.s_max:
            return x_t, t
        gamma = min(self.churn / context.steps, math.sqrt(2) - 1)
        t_hat = schedule.time(-2 * torch.log(level * (1 + gamma)))
        alpha_hat, sigma_hat = schedule.coefficients(t_hat)
        # Read back at t_hat: a schedule may end below the level that was asked for.
        added = ((sigma_hat / alpha_hat).square() - level.square()).clamp_min(0).sqrt()
        fresh = (alpha_hat * added * self.s_noise).item() * context.noise()
        return (alpha_hat / alpha).item() * x_t + fresh, t_hat
