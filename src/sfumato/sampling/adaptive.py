"""An adaptive sampler: the step size of each sample is controlled by an error estimate.

The pair of Bogacki & Shampine 1989 ("A 3(2) pair of Runge-Kutta formulas") takes a third-order and
a second-order step from the same four slopes; their difference estimates the error, and the last
slope is the first of the next step. It runs along the straight path of ``sampling.runge_kutta``.
Each sample has its own time, so that it does not depend on its batch.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.gaussian import spread
from sfumato.sampling.sampler import Context, Sampler

_FIRST = 1 / 16  # The size of the first trial step, as a share of the path.
_LAST = 1e-3  # Below this share of noise the posterior mean is the result.
_SAFETY, _LEAST, _MOST = 0.9, 0.2, 4.0
_STAGES = 3  # Evaluations of a step, accepted or rejected.


class Adaptive(Sampler):
    """Runge-Kutta 3(2) with error control.

    It takes as many evaluations as the tolerance needs, up to the requested number; samples that
    are not finished by then take one first-order step to the end.
    """

    summary: ClassVar[str] = (
        "adaptive steps by a tolerance; takes at most the requested evaluations"
    )
    exact: ClassVar[bool] = False

    kind: Literal["adaptive"] = "adaptive"
    rtol: float = Field(default=0.02, gt=0, le=1, description="error of a step, of the state")
    atol: float = Field(default=0.01, gt=0, description="error of a step, in units of the data")

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """One step of the grid, in which all adaptive steps are taken."""
        return (evaluations,)

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """Integrate from ``t`` to the end."""
        path = _Path(x_t, t, context)
        # One evaluation is reserved for the end, and one was used for the first slope.
        for _ in range((context.cost - 2) // _STAGES):
            if path.done.all():
                break
            path.advance(self.rtol, self.atol)
        return path.end()


class _Path:
    """The state of a batch along the path, each sample at its own ``tau``."""

    def __init__(self, x_t: Tensor, t: Tensor, context: Context) -> None:
        self._context = context
        self._schedule = context.process.schedule
        alpha, sigma = self._schedule.coefficients(t)
        count = len(x_t)
        self.tau = (sigma / (alpha + sigma)).expand(count).clone()
        self.z = x_t / (alpha + sigma).item()
        self.h = self.tau * _FIRST
        # The first slope is only evaluated if a step follows.
        self.slope = self._slope(self.z, self.tau) if context.cost >= _STAGES + 2 else self.z

    @property
    def done(self) -> Tensor:
        """The samples that are finished, bool, shape (B,)."""
        return self.tau <= _LAST

    def advance(self, rtol: float, atol: float) -> None:
        """Try a step for each unfinished sample, and accept it if the error is small."""
        h = torch.minimum(self.h, self.tau - _LAST).clamp_min(0)
        z, k1, tau = self.z, self.slope, self.tau
        k2 = self._slope(z - spread(h / 2, z) * k1, tau - h / 2)
        k3 = self._slope(z - spread(3 * h / 4, z) * k2, tau - 3 * h / 4)
        new = z - spread(h, z) * (2 * k1 + 3 * k2 + 4 * k3) / 9
        k4 = self._slope(new, tau - h)
        error = spread(h, z) * (-5 * k1 / 72 + k2 / 12 + k3 / 9 - k4 / 8)
        allowed = atol + rtol * torch.maximum(z.abs(), new.abs())
        ratio = (error / allowed).flatten(1).double().square().mean(1).sqrt().cpu()
        active = ~self.done
        accepted = active & (ratio <= 1)
        rows = spread(accepted.to(z.dtype), z).bool()
        self.z, self.slope = torch.where(rows, new, z), torch.where(rows, k4, k1)
        self.tau = torch.where(accepted, tau - h, tau)
        factor = (_SAFETY * ratio.clamp_min(1e-9).pow(-1 / 3)).clamp(_LEAST, _MOST)
        self.h = torch.where(active, h * factor, self.h)

    def end(self) -> Tensor:
        """The posterior means at the present states."""
        return self._mean(self.z, self.tau)

    def _slope(self, z: Tensor, tau: Tensor) -> Tensor:
        return (z - self._mean(z, tau)) / spread(tau, z)

    def _mean(self, z: Tensor, tau: Tensor) -> Tensor:
        t = self._schedule.time(2 * (torch.log1p(-tau) - tau.log()))
        alpha, sigma = self._schedule.coefficients(t)
        return self._context.denoise(spread(alpha + sigma, z) * z, t)
