"""Multistep samplers on the noise: a polynomial through past noises, integrated exactly.

With ``rho = sigma / alpha`` the probability-flow ODE is ``d(x_t / alpha) / d rho = E[eps | x_t]``,
so a step is

    x_s / alpha_s = x_t / alpha_t + integral of E[eps | x] d rho from rho_t to rho_s.

The families differ in the variable of the polynomial: the time itself gives DEIS, ``rho`` the
Adams-Bashforth method. The integral is done by Gauss-Legendre quadrature in ``log(rho)``. If the
path begins without signal, the first step is of first order.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.schedule import Schedule
from sfumato.sampling.multistep import ABSCISSAE, QUADRATURE, lagrange
from sfumato.sampling.sampler import Context, Evaluation, Sampler


class NoiseMultistep(Sampler):
    """Base of the multistep samplers on the noise."""

    order: int = Field(default=3, ge=1, le=4, description="number of noises that a step combines")

    @abstractmethod
    def variable(self, schedule: Schedule, rho: Tensor) -> Tensor:
        """``u``, monotone in the noise level ``rho``, float64."""

    @property
    def memory(self) -> int:
        """One less than the order."""
        return self.order - 1

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Evaluate, and follow the polynomial."""
        mean = context.denoise(x_t, t)
        if s == 0:
            return mean
        here = Evaluation(t, x_t, mean)
        nodes = [here, *context.history]
        context.history.appendleft(here)
        if context.process.schedule.coefficients(t)[0] == 0:
            return context.process.bridge(x_t, mean, t, s, eta=0.0).mean
        times = (s.item(), *(node.t.item() for node in nodes))
        kept, terms = _terms(self, context.process.schedule, times)
        x_s = kept * x_t
        for node, (of_state, of_mean) in zip(nodes, terms, strict=False):
            x_s = x_s + of_state * node.x_t - of_mean * node.mean
        return x_s


class DEIS(NoiseMultistep):
    """tAB-DEIS. Source: Zhang & Chen 2023 (arXiv:2204.13902), eq. 14 and 15."""

    summary: ClassVar[str] = "DEIS: multistep on the noise, polynomial in time"

    kind: Literal["deis"] = "deis"

    def variable(self, schedule: Schedule, rho: Tensor) -> Tensor:
        """The time at which the noise level is reached."""
        return schedule.time(-2 * rho.log())


class IPNDM(NoiseMultistep):
    """Adams-Bashforth on the noise, with exact coefficients for variable steps.

    Source: Liu et al. 2022 (PNDM, arXiv:2202.09778), whose improved form without warm-up is Zhang
    & Chen's iPNDM; both use the coefficients of equal steps on every grid.
    """

    summary: ClassVar[str] = "iPNDM: Adams-Bashforth on the noise, steps of any length"

    kind: Literal["ipndm"] = "ipndm"
    order: int = Field(default=4, ge=1, le=4, description="number of noises that a step combines")

    def variable(self, schedule: Schedule, rho: Tensor) -> Tensor:
        """The noise level itself."""
        return rho


# The terms depend on times alone, so they are shared by all batches.
@lru_cache(maxsize=1024)
def _terms(
    sampler: NoiseMultistep, schedule: Schedule, times: tuple[float, ...]
) -> tuple[float, list[tuple[float, float]]]:
    """The weights of the state, of each node's state and, negatively, of its mean in a step.

    Args:
        sampler: The sampler, which defines the variable.
        schedule: Schedule of the process.
        times: Times of the step's end and of the nodes, newest first; the step starts at the first
            node.
    """
    alpha, sigma = schedule.coefficients(torch.tensor(times, dtype=torch.float64))
    rho = sigma / alpha
    nodes = sampler.variable(schedule, rho[1:])
    finite = int((nodes.isfinite() & rho[1:].isfinite()).cumprod(0).sum())
    nodes = nodes[: min(finite, sampler.order)]
    low, high = rho[:2].log()
    half = (high - low) / 2
    inside = torch.exp(low + half + half * ABSCISSAE)
    measure = -half * QUADRATURE * inside
    weights = lagrange(nodes, sampler.variable(schedule, inside)) @ measure
    of_eps = alpha[0] * weights
    last = len(nodes) + 1
    pairs = zip(of_eps / sigma[1:last], of_eps * alpha[1:last] / sigma[1:last], strict=True)
    return (alpha[0] / alpha[1]).item(), [(a.item(), b.item()) for a, b in pairs]
