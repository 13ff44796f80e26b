"""Multistep samplers: a polynomial through past posterior means, integrated exactly.

In the variables ``y = x_t / sigma`` and ``r = alpha / sigma`` the probability-flow ODE of every
Gaussian process is ``dy / dr = E[x0 | x_t]``, so a step is

    x_s = (sigma_s / sigma_t) x_t + sigma_s * integral of D dr from r_t to r_s.

``D``, the posterior mean, is replaced by the polynomial through its last values. Families differ
in the variable ``u`` of the polynomial alone: log-SNR gives the DPM-Solvers, an angle the Adams
samplers. Between the path's ends ``alpha : sigma = cos(theta) : sin(theta)``, hence
``dr = -d theta / sin(theta)^2``; the integral is done by Gauss-Legendre quadrature in
``log(theta)``, to rounding error, which keeps the formulas free of cases.

The corrector (Zhao et al. 2023, arXiv:2302.04867) costs no evaluation: once ``D`` is known at the
predicted state, the step that led there is repeated with that value among the nodes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.schedule import Schedule
from sfumato.sampling.sampler import Context, Evaluation, Sampler

# 48 nodes integrate exp over +-10 to rounding error; a step spans less of log(theta).
_ABSCISSAE, _QUADRATURE = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(48))


class Multistep(Sampler):
    """Base of the multistep samplers."""

    order: int = Field(
        default=3, ge=1, le=4, description="how many posterior means a step combines"
    )
    correct: bool = Field(
        default=True, description="repeat each step once its end is known, for free"
    )

    @abstractmethod
    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``u``, monotone in ``alpha / sigma`` and a function of that ratio alone."""

    @property
    def memory(self) -> int:
        """One less than the order, and the start of the step to be corrected."""
        return max(self.order - 1, int(self.correct))

    def order_at(self, context: Context) -> int:
        """How many posterior means to combine at this step, where there are as many."""
        return self.order

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Evaluate, correct the state if asked to, and predict the next."""
        mean = context.denoise(x_t, t)
        if s == 0:
            return mean
        nodes = [Evaluation(t, x_t, mean), *context.history]
        if self.correct and context.history:
            x_t = self._advance(context, context.history[0], t, nodes[: self.order])
        here = Evaluation(t, x_t, mean)
        context.history.appendleft(here)
        return self._advance(context, here, s, nodes[: self.order_at(context)])

    def _advance(
        self, context: Context, start: Evaluation, s: Tensor, nodes: Sequence[Evaluation]
    ) -> Tensor:
        """From the start to ``s`` with the polynomial through the nodes."""
        schedule = context.process.schedule
        _, sigma_t = schedule.coefficients(start.t)
        _, sigma_s = schedule.coefficients(s)
        x_s = start.x_t * (sigma_s / sigma_t).item()
        times = torch.stack([node.t for node in nodes])
        weights = sigma_s * self.weights(schedule, start.t, s, times)
        for node, weight in zip(nodes, weights.tolist(), strict=False):
            x_s.add_(node.mean, alpha=weight)
        return x_s

    def weights(self, schedule: Schedule, t: Tensor, s: Tensor, nodes: Tensor) -> Tensor:
        """Integral of each Lagrange polynomial over ``r = alpha / sigma`` from ``t`` to ``s``.

        Nodes whose ``u`` is infinite, and those older, are left out.

        Args:
            schedule: Of the process.
            t: Time in (0, 1], float64, shape ().
            s: Time in (0, t), float64, shape ().
            nodes: Distinct times of the known values, newest first, shape (n,).

        Returns:
            float64, shape (m,) with ``m <= n``, summing to ``r_s - r_t``.
        """
        known = self.variable(*schedule.coefficients(nodes))
        finite = int(known.isfinite().cumprod(0).sum())
        if finite <= 1:
            return (_ratio(schedule, s) - _ratio(schedule, t)).reshape(1)
        high, low = _log_theta(schedule, t), _log_theta(schedule, s)
        theta = torch.exp((high + low) / 2 + (high - low) / 2 * _ABSCISSAE)
        measure = _QUADRATURE * (high - low) / 2 * theta / theta.sin().square()
        u = self.variable(theta.cos(), theta.sin())
        return _lagrange(known[:finite], u) @ measure


def _ratio(schedule: Schedule, t: Tensor) -> Tensor:
    alpha, sigma = schedule.coefficients(t)
    return alpha / sigma


def _log_theta(schedule: Schedule, t: Tensor) -> Tensor:
    alpha, sigma = schedule.coefficients(t)
    return torch.atan2(sigma, alpha).log()


def _lagrange(nodes: Tensor, u: Tensor) -> Tensor:
    """Lagrange polynomials of ``n`` nodes at the points ``u``, shape (n, len(u))."""
    itself = torch.eye(len(nodes), dtype=torch.bool)
    one = nodes.new_ones(())
    above = torch.where(itself[..., None], one, u - nodes[:, None])
    below = torch.where(itself, one, nodes[:, None] - nodes)
    return above.prod(1) / below.prod(1, keepdim=True)
