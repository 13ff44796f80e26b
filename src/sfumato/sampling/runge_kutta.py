"""Explicit Runge-Kutta steps along the straight path.

Every Gaussian path becomes the straight one by a change of scale, ``z = x_t / (alpha + sigma)``
and ``tau = sigma / (alpha + sigma)``, on which the probability-flow ODE is

    dz / d tau = E[eps | x_t] - E[x0 | x_t] = (z - E[x0 | x_t]) / tau,

finite at both ends. At low noise ``tau`` is the noise level, in which Karras et al. 2022
(arXiv:2206.00364) take their steps; at high noise the noise level diverges on a path that ends
without signal, and ``tau`` does not.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.schedule import Schedule
from sfumato.sampling.sampler import Context, Sampler

# Butcher tableaus by the number of evaluations of a step, which is also its order: a row of weights
# of the earlier slopes for each stage after the first, and last the weights of all slopes in the
# step. A stage lies at the sum of its row. Euler; Heun; Kutta's third order; the classical method
# (Kutta 1901).
TABLEAUS: dict[int, tuple[tuple[float, ...], ...]] = {
    1: ((1.0,),),
    2: ((1.0,), (1 / 2, 1 / 2)),
    3: ((1 / 2,), (-1.0, 2.0), (1 / 6, 2 / 3, 1 / 6)),
    4: ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}


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

    summary: ClassVar[str] = "EDM's Heun with churn: fresh noise corrects errors of the network"

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
        # Computed from t_hat, as a schedule may end below the desired level.
        added = ((sigma_hat / alpha_hat).square() - level.square()).clamp_min(0).sqrt()
        fresh = (alpha_hat * added * self.s_noise).item() * context.noise()
        return (alpha_hat / alpha).item() * x_t + fresh, t_hat


class RK4(Sampler):
    """The classical fourth-order method, four evaluations a step."""

    summary: ClassVar[str] = "fourth order, four evaluations a step; for many evaluations"

    kind: Literal["rk4"] = "rk4"

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """See :func:`plan_in`."""
        return plan_in(4, evaluations)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """One step of as many stages as there are evaluations for it."""
        return runge_kutta(x_t, t, s, context)


def plan_in(each: int, evaluations: int) -> tuple[int, ...]:
    """Steps of ``each`` evaluations and a last one of 1, which must not evaluate at ``t = 0``.

    What a budget leaves over makes a first, smaller step, where the path is straightest.
    """
    whole, over = divmod(evaluations - 1, each)
    return (over,) * (over > 0) + (each,) * whole + (1,)


def runge_kutta(x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
    """One step with the tableau of ``context.cost``; to ``s = 0`` the posterior mean.

    Args:
        x_t: State at ``t``, shape (B, ...).
        t, s: Times, float64, shape (); ``s < t``.
        context: The context of the step.
    """
    mean = context.denoise(x_t, t)
    if s == 0:
        return mean
    schedule = context.process.schedule
    scale, tau = _straight(schedule, t)
    scale_s, tau_s = _straight(schedule, s)
    z, h = x_t / scale, tau_s - tau
    slopes = [(z - mean) / tau]
    *stages, whole = TABLEAUS[context.cost]
    for row in stages:
        z_k = _moved(z, h, row, slopes)
        at = tau + sum(row) * h
        # A stage at the end of the step uses the exact time ``s``.
        t_k = s if sum(row) == 1 else schedule.time(2 * torch.tensor((1 - at) / at).double().log())
        scale_k = scale_s if sum(row) == 1 else _straight(schedule, t_k)[0]
        slopes.append((z_k - context.denoise(scale_k * z_k, t_k)) / at)
    return scale_s * _moved(z, h, whole, slopes)


def _straight(schedule: Schedule, t: Tensor) -> tuple[float, float]:
    """``alpha + sigma``, and ``tau``."""
    alpha, sigma = schedule.coefficients(t)
    scale = (alpha + sigma).item()
    return scale, sigma.item() / scale


def _moved(z: Tensor, h: float, row: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    for weight, slope in zip(row, slopes, strict=True):
        if weight != 0:
            z = z + h * weight * slope
    return z
