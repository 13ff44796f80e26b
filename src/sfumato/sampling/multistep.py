"""Multistep samplers: a polynomial through past posterior means, integrated exactly.

In the variables ``y = x_t / sigma`` and ``r = alpha / sigma`` the probability-flow ODE of every
Gaussian process is ``dy / dr = E[x0 | x_t]``, so a step is

    x_s = (sigma_s / sigma_t) x_t + sigma_s * integral of D dr from r_t to r_s.

``D``, the posterior mean, is replaced by the polynomial through its last values. The families
differ only in the variable ``u`` of the polynomial: log-SNR gives DPM-Solver++ and UniPC, an angle
the Adams samplers, the gain of a filter the Wiener sampler (``sampling.wiener``). All use exact
coefficients for variable steps instead of the published expansions for small steps, from which
they differ at the order of the method's own error.

Between the path's ends ``alpha : sigma = cos(theta) : sin(theta)``, hence
``dr = -d theta / sin(theta)^2``; the integral is done by Gauss-Legendre quadrature in
``log(theta)``, which needs no special cases and is exact to rounding error (to 1e-6 if a step
starts without signal, as powers of the angle have a branch point there).

The corrector (Zhao et al. 2023, arXiv:2302.04867) costs no evaluation: once ``D`` is known at the
predicted state, the step that led there is repeated with that value among the nodes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.schedule import Schedule
from sfumato.sampling.sampler import Context, Evaluation, Sampler, blends

# 48 nodes integrate exp over +-10 to rounding error; a step spans less in log(theta).
ABSCISSAE, QUADRATURE = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(48))


class Multistep(Sampler):
    """Base of the multistep samplers."""

    order: int = Field(
        default=3, ge=1, le=4, description="number of posterior means that a step combines"
    )
    correct: bool = Field(
        default=True,
        description="correct each step after the evaluation at its end, at no extra cost",
    )

    @abstractmethod
    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``u``, monotone in ``alpha / sigma`` and a function of that ratio alone."""

    @property
    def memory(self) -> int:
        """One less than the order, and at least the start of the step to correct."""
        return max(self.order - 1, int(self.correct))

    def order_at(self, context: Context) -> int:
        """Largest number of posterior means to combine at this step."""
        return self.order

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Evaluate, correct the state if ``correct`` is set, and predict the next state."""
        mean = context.denoise(x_t, t)
        nodes = [Evaluation(t, x_t, mean), *context.history]
        if s == 0:
            return self.finish(context, nodes)
        nodes = nodes[: self.order_at(context)]
        times = [node.t for node in nodes]
        steps = [self._terms(context, t, s, times)]
        # The corrector repeats the step to this state, with the mean of this state among the nodes.
        corrects = self.correct and bool(context.history)
        start = context.history[0] if corrects else nodes[0]
        if corrects:
            steps.insert(0, self._terms(context, start.t, t, times))
        *corrected, x_s = blends(start.x_t, [node.mean for node in nodes], steps)
        context.history.appendleft(Evaluation(t, corrected[0] if corrected else x_t, mean))
        return x_s

    def finish(self, context: Context, nodes: Sequence[Evaluation]) -> Tensor:
        """The state without noise, given the evaluations so far, newest first."""
        return nodes[0].mean

    def _terms(
        self, context: Context, start: Tensor, end: Tensor, nodes: Sequence[Tensor]
    ) -> tuple[float, tuple[float, ...]]:
        """The weights of the state and of each node's mean in a step."""
        times = (start.item(), end.item(), *(node.item() for node in nodes))
        return _terms(self, context.process.schedule, times)

    def weights(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Integral over ``r = alpha / sigma`` of each node's Lagrange polynomial.

        Nodes with an infinite ``u``, and older nodes, are left out.

        Args:
            alpha: ``alpha`` at the step's start, its end, and the nodes, newest first; float64,
                shape (2 + n,). The end is later than ``t = 0``.
            sigma: ``sigma`` at the same times.

        Returns:
            float64, shape (m,) with ``m <= n``, summing to the change of ``r``.
        """
        nodes = self.variable(alpha[2:], sigma[2:])
        finite = int(nodes.isfinite().cumprod(0).sum())
        if finite <= 1:
            return (alpha[:2] / sigma[:2]).diff()
        start, end = torch.atan2(sigma[:2], alpha[:2]).log()
        half = (start - end) / 2
        theta = torch.exp(end + half + half * ABSCISSAE)
        cosine, sine = theta.cos(), theta.sin()
        measure = half * QUADRATURE * theta / sine.square()
        weights: Tensor = lagrange(nodes[:finite], self.variable(cosine, sine)) @ measure
        return weights


class DPM(Multistep):
    """DPM-Solver++ 2M and 3M. Source: Lu et al. 2022 (arXiv:2211.01095), algorithm 2.

    As usual, the order falls towards the end of the grid, because polynomials in log-SNR are least
    accurate where it grows fastest.
    """

    summary: ClassVar[str] = "DPM-Solver++ 2M or 3M: multistep in log-SNR"

    kind: Literal["dpm"] = "dpm"
    order: int = Field(default=2, ge=2, le=3, description="2 = 2M, 3 = 3M")
    correct: Literal[False] = False

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Half the log-SNR."""
        return alpha.log() - sigma.log()

    def order_at(self, context: Context) -> int:
        """At most the number of remaining steps."""
        return min(self.order, context.steps - context.step)


class UniPC(Multistep):
    """Predictor and corrector in log-SNR. Source: Zhao et al. 2023 (arXiv:2302.04867)."""

    summary: ClassVar[str] = "UniPC: multistep in log-SNR with a free corrector"

    kind: Literal["unipc"] = "unipc"
    order: int = Field(
        default=2, ge=1, le=3, description="number of posterior means that a step combines"
    )
    correct: Literal[True] = True

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Half the log-SNR."""
        return alpha.log() - sigma.log()


class Adams(Multistep):
    """Exponential Adams-Bashforth with an optional Adams-Moulton corrector.

    The variable is an angle between signal and noise,

        phi = atan((sigma / (alpha pivot))**power),     0 = clean, pi / 2 = noise.

    For normal data of deviation ``pivot`` the posterior mean along a trajectory is exactly
    proportional to ``cos(phi)`` with ``power = 1``; data with many deviations need a power below 1
    (see :class:`AngleGrid`, whose equal steps these are). The angle is finite at both ends of the
    path, where log-SNR, the noise level or its inverse are not. On exact mixtures a polynomial in
    it is more accurate than one in log-SNR: see ``benchmarks/sampler_accuracy``.

    Source: the multistep idea for diffusion is PNDM's (Liu et al. 2022, arXiv:2202.09778) and
    DEIS's (Zhang & Chen 2023, arXiv:2204.13902); the coefficients here are for variable steps.
    """

    summary: ClassVar[str] = "multistep in the angle, free corrector; best from 5 evaluations up"

    kind: Literal["adams"] = "adams"
    pivot: float = Field(default=1.0, gt=0, description="noise level half-way through the turn")
    power: float = Field(
        default=0.7, gt=0, le=1, description="below 1 = the transition is wider on both sides"
    )

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``phi``, in [0, pi / 2]."""
        return torch.atan2(sigma.pow(self.power), (alpha * self.pivot).pow(self.power))


# The terms depend on times alone, so they are shared by all batches.
@lru_cache(maxsize=1024)
def _terms(
    sampler: Multistep, schedule: Schedule, times: tuple[float, ...]
) -> tuple[float, tuple[float, ...]]:
    """The weights of the state and of each mean in a step; times as in ``weights``."""
    alpha, sigma = schedule.coefficients(torch.tensor(times, dtype=torch.float64))
    weights = sigma[1] * sampler.weights(alpha, sigma)
    return (sigma[1] / sigma[0]).item(), tuple(weights.tolist())


def lagrange(nodes: Tensor, u: Tensor) -> Tensor:
    """Lagrange polynomials of ``n`` nodes at the points ``u``, shape (n, len(u))."""
    itself = torch.eye(len(nodes), dtype=torch.bool)
    one = nodes.new_ones(())
    above = torch.where(itself[..., None], one, u - nodes[:, None])
    below = torch.where(itself, one, nodes[:, None] - nodes)
    return above.prod(1) / below.prod(1, keepdim=True)
