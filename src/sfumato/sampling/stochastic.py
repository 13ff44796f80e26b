"""Stochastic multistep samplers in log-SNR: DPM-Solver++ SDE and the SA-Solver.

With ``lambda = log(alpha / sigma)`` and a noise strength ``tau`` there is a reverse SDE with the
right marginals for every ``tau``; a step of length ``h`` in ``lambda`` solves it as

    x_s = (sigma_s / sigma_t) e^(-tau^2 h) x_t
          + sigma_s integral of (1 + tau^2) e^(-tau^2 (lambda_s - l)) D dr  over r = e^l
          + sigma_s sqrt(1 - e^(-2 tau^2 h)) xi

with ``D`` the polynomial in ``lambda`` through the last posterior means. ``tau = 0`` is the ODE,
and ``tau = 1`` the reverse of the process. Source: Xue et al. 2023 (SA-Solver, arXiv:2309.05019),
proposition 4.2 and eq. 14 and 17; Lu et al. 2022 (arXiv:2211.01095), section 4.3, is ``tau = 1``.
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
from sfumato.sampling.sampler import Context, Evaluation, Sampler, blend


class Stochastic(Sampler):
    """Base of the stochastic multistep samplers."""

    order: int = Field(default=2, ge=1, le=3, description="number of posterior means of a step")

    @abstractmethod
    def strength(self, level: float) -> float:
        """``tau`` of a step that ends at a noise level ``sigma / alpha``."""

    @property
    def corrects(self) -> bool:
        """Whether each step is corrected, with the same noise, after the evaluation at its end."""
        return False

    @property
    def memory(self) -> int:
        """One less than the order; with a corrector all evaluations of the step to correct."""
        return self.order if self.corrects else self.order - 1

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Evaluate, correct the state if the sampler corrects, and predict the next state."""
        mean = context.denoise(x_t, t)
        if s == 0:
            return mean
        nodes = [Evaluation(t, x_t, mean), *context.history][: self.order]
        if self.corrects and context.history:
            x_t = self._corrected(x_t, nodes, context)
        context.history.appendleft(Evaluation(t, x_t, mean))
        kept, weights, noise = self._terms(context, (t, s, *(node.t for node in nodes)))
        x_s = blend(x_t, kept, [node.mean for node in nodes], weights)
        return x_s + noise * context.noise() if noise > 0 else x_s

    def _corrected(self, x_t: Tensor, nodes: list[Evaluation], context: Context) -> Tensor:
        """Repeat the step to a state with its end among the nodes.

        The weight of the start and the noise are the same, so only the weights of the means change.
        """
        before, *_ = past = list(context.history)[: self.order]
        times = (before.t, nodes[0].t)
        for sign, used in ((-1, past), (1, nodes)):
            _, weights, _ = self._terms(context, (*times, *(node.t for node in used)))
            x_t = blend(x_t, 1.0, [node.mean for node in used], [sign * w for w in weights])
        return x_t

    def _terms(
        self, context: Context, times: tuple[Tensor, ...]
    ) -> tuple[float, tuple[float, ...], float]:
        schedule = context.process.schedule
        alpha, sigma = schedule.coefficients(times[1])
        tau = self.strength((sigma / alpha).item())
        return _terms(schedule, tau, tuple(time.item() for time in times))


class DPMSDE(Stochastic):
    """DPM-Solver++ 2M and 3M for the reverse SDE."""

    summary: ClassVar[str] = "DPM-Solver++ SDE: multistep with the full noise of the process"

    kind: Literal["dpm-sde"] = "dpm-sde"
    order: int = Field(default=2, ge=2, le=3, description="2 = 2M, 3 = 3M")

    def strength(self, level: float) -> float:
        """1: the reverse of the process itself."""
        return 1.0


class SASolver(Stochastic):
    """Predictor and corrector, with noise only between two noise levels."""

    summary: ClassVar[str] = "SA-Solver: multistep with a corrector, noise at middle levels"

    kind: Literal["sa"] = "sa"
    order: int = Field(default=3, ge=1, le=3, description="number of posterior means of a step")
    tau: float = Field(default=1.0, ge=0, description="strength of the noise, 0 = none")
    s_min: float = Field(default=0.05, ge=0, description="least noise level with noise")
    s_max: float = Field(default=1.0, gt=0, description="greatest noise level with noise")

    @property
    def corrects(self) -> bool:
        """True."""
        return True

    def strength(self, level: float) -> float:
        """``tau`` on the interval."""
        return self.tau if self.s_min <= level <= self.s_max else 0.0


# The terms depend on times alone, so they are shared by all batches.
@lru_cache(maxsize=1024)
def _terms(
    schedule: Schedule, tau: float, times: tuple[float, ...]
) -> tuple[float, tuple[float, ...], float]:
    """The weights of the state, of each mean and of the noise in a step.

    Args:
        schedule: Schedule of the process.
        tau: Strength of the noise.
        times: Times of the step's start, its end, and the nodes, newest first.
    """
    alpha, sigma = schedule.coefficients(torch.tensor(times, dtype=torch.float64))
    start, end, *_ = where = alpha.log() - sigma.log()
    nodes = where[2:]
    finite = int(nodes.isfinite().cumprod(0).sum())
    faded = torch.exp(-(tau**2) * (end - start)) if tau > 0 else torch.ones(())
    kept = (sigma[1] / sigma[0] * faded).item()
    noise = (sigma[1] * torch.sqrt(1 - faded.square())).item()
    if finite <= 1:
        return kept, ((alpha[1] - kept * alpha[0]).item(),), noise
    half = (end - start) / 2
    inside = start + half + half * ABSCISSAE
    density = (1 + tau**2) * torch.exp(inside - tau**2 * (end - inside))
    weights = lagrange(nodes[:finite], inside) @ (half * QUADRATURE * density)
    return kept, tuple((sigma[1] * weights).tolist()), noise
