"""Explicit Runge-Kutta steps along the straight path.

Every Gaussian path becomes the straight one by a change of scale, ``z = x_t / (alpha + sigma)``
and ``tau = sigma / (alpha + sigma)``, on which the probability-flow ODE is

    dz / d tau = E[eps | x_t] - E[x0 | x_t] = (z - E[x0 | x_t]) / tau,

finite at both ends. At low noise ``tau`` is the noise level, in which Karras et al. 2022
(arXiv:2206.00364) take their steps; at high noise theirs run away on a path that ends without
signal, and these do not.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from sfumato.process.schedule import Schedule
from sfumato.sampling.sampler import Context, Sampler

# By the evaluations of a step, which are its order too: for each stage after the first how much it
# takes of the slopes before it, and last how much the step takes of all. Stages lie where their
# rows add up to. Euler; Heun; Kutta's third order; the classical one (Kutta 1901).
TABLEAUS: dict[int, tuple[tuple[float, ...], ...]] = {
    1: ((1.0,),),
    2: ((1.0,), (1 / 2, 1 / 2)),
    3: ((1 / 2,), (-1.0, 2.0), (1 / 6, 2 / 3, 1 / 6)),
    4: ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}


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
        context: Of the step.
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
        # To the end itself by the time that is known, not by one solved for.
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
