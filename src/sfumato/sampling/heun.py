"""Heun's second-order step, without and with churn.

Every Gaussian path becomes the straight one by a change of scale, ``z = x_t / (alpha + sigma)``
and ``tau = sigma / (alpha + sigma)``, on which the probability-flow ODE is

    dz / d tau = E[eps | x_t] - E[x0 | x_t] = (z - E[x0 | x_t]) / tau,

finite at both ends. At low noise ``tau`` is the noise level, in which Karras et al. take their
trapezoids; at high noise theirs run away on a path that ends without signal, and these do not.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.sampling.sampler import Context, Sampler


class Heun(Sampler):
    """The deterministic sampler of Karras et al. 2022 (arXiv:2206.00364), algorithm 1."""

    summary: ClassVar[str] = "second order, two evaluations a step"

    kind: Literal["heun"] = "heun"

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """See :func:`_plan`."""
        return _plan(evaluations)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """One trapezoid."""
        return _trapezoid(x_t, t, s, context)


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
        """See :func:`_plan`."""
        return _plan(evaluations)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Add noise, then one trapezoid."""
        x_t, t = self._churned(x_t, t, context)
        return _trapezoid(x_t, t, s, context)

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


def _plan(evaluations: int) -> tuple[int, ...]:
    """Two evaluations a step, but one for the last, which must not evaluate at ``t = 0``.

    An even budget leaves one over: it makes a first step of one evaluation, where the path is
    straightest.
    """
    if evaluations % 2:
        return (2,) * (evaluations // 2) + (1,)
    return (1,) + (2,) * (evaluations // 2 - 1) + (1,)


def _trapezoid(x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
    """Heun's step along the straight path; Euler's where one evaluation is planned."""
    mean = context.denoise(x_t, t)
    if s == 0:
        return mean
    alpha_t, sigma_t = context.process.schedule.coefficients(t)
    alpha_s, sigma_s = context.process.schedule.coefficients(s)
    scale_t, scale_s = (alpha_t + sigma_t).item(), (alpha_s + sigma_s).item()
    tau_t, tau_s = sigma_t.item() / scale_t, sigma_s.item() / scale_s
    z_t = x_t / scale_t
    slope = (z_t - mean) / tau_t
    z_s = z_t + (tau_s - tau_t) * slope
    if context.cost == 1:
        return scale_s * z_s
    slope_s = (z_s - context.denoise(scale_s * z_s, s)) / tau_s
    return scale_s * (z_t + (tau_s - tau_t) / 2 * (slope + slope_s))
