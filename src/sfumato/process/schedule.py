"""Schedules: how much signal and how much noise a state holds at each time.

A Gaussian process reads ``x_t = alpha(t) * x0 + sigma(t) * eps`` with ``t`` in [0, 1], 0 = clean
and 1 = noise. A schedule is the pair ``(alpha, sigma)``, the log signal-to-noise ratio
``log_snr = 2 log(alpha / sigma)``, and the exact inverse of the latter. Every schedule here is
exactly clean at ``t = 0``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import lru_cache
from typing import Annotated, Literal, cast

import torch
from pydantic import Field, field_validator
from torch import Tensor

from sfumato.registry import Part, Registry


class Schedule(Part):
    """Base of all schedules.

    All methods take and return float64 tensors of any shape, elementwise.
    """

    @abstractmethod
    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(alpha, sigma)`` at times ``t`` in [0, 1]."""

    @abstractmethod
    def time(self, log_snr: Tensor) -> Tensor:
        """The time in [0, 1] at which ``log_snr`` is reached: the inverse of :meth:`log_snr`."""

    @abstractmethod
    def norm(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The number by which to divide any ``(alpha, sigma)`` to bring it onto this path."""

    def log_snr(self, t: Tensor) -> Tensor:
        """``2 log(alpha / sigma)``: +inf where clean, -inf where no signal is left."""
        alpha, sigma = self.coefficients(t)
        return 2 * (alpha.log() - sigma.log())

    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Time derivatives ``(d alpha / dt, d sigma / dt)``, exact by forward differentiation."""
        _, rates = torch.func.jvp(self.coefficients, (t,), (torch.ones_like(t),))[:2]
        return cast(tuple[Tensor, Tensor], rates)


class Linear(Schedule):
    """The straight path of flow matching: ``alpha = 1 - t``, ``sigma = t``.

    Source: Lipman et al. 2023 (arXiv:2210.02747); Liu et al. 2023 (arXiv:2209.03003).
    """

    kind: Literal["linear"] = "linear"

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(1 - t, t)``."""
        return 1 - t, t

    def time(self, log_snr: Tensor) -> Tensor:
        """``t / (1 - t) = sigma / alpha`` solved for ``t``."""
        return torch.sigmoid(-log_snr / 2)

    def norm(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``alpha + sigma = 1`` on this path."""
        return alpha + sigma


class Cosine(Schedule):
    """``alpha = cos(pi t / 2)``, ``sigma = sin(pi t / 2)``.

    Source: Nichol & Dhariwal 2021 (arXiv:2102.09672), in the continuous form of Salimans & Ho
    2022 (arXiv:2202.00512).
    """

    kind: Literal["cosine"] = "cosine"

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """A quarter turn; ``alpha`` is written as a sine so that it is exactly 0 at ``t = 1``."""
        return torch.sin(math.pi / 2 * (1 - t)), torch.sin(math.pi / 2 * t)

    def time(self, log_snr: Tensor) -> Tensor:
        """``tan(pi t / 2) = sigma / alpha`` solved for ``t``."""
        return torch.atan(torch.exp(-log_snr / 2)) * (2 / math.pi)

    def norm(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``alpha^2 + sigma^2 = 1`` on this path."""
        return torch.hypot(alpha, sigma)


class VariancePreserving(Schedule):
    """Schedules given by the integral ``B(t)`` of a rate of noising: ``alpha = exp(-B / 2)``."""

    @abstractmethod
    def integral(self, t: Tensor) -> Tensor:
        """``B(t)``, increasing, with ``B(0) = 0``."""

    @abstractmethod
    def integral_inverse(self, b: Tensor) -> Tensor:
        """The time at which ``B(t) = b``, clamped to [0, 1]."""

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(exp(-B/2), sqrt(1 - exp(-B)))``."""
        b = self.integral(t)
        return torch.exp(-b / 2), torch.sqrt(-torch.expm1(-b))

    def time(self, log_snr: Tensor) -> Tensor:
        """``B = log(1 + exp(-log_snr))`` inverted."""
        # log(1 + exp(-x)); F.softplus would switch to the identity above a threshold.
        b = torch.logaddexp(torch.zeros_like(log_snr), -log_snr)
        return self.integral_inverse(b)

    def norm(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``alpha^2 + sigma^2 = 1`` on this path."""
        return torch.hypot(alpha, sigma)


class VP(VariancePreserving):
    """Variance preserving with a rate linear in time, ``beta(t) = low + t (high - low)``.

    Source: Song et al. 2021 (arXiv:2011.13456), eq. 32-33.
    """

    kind: Literal["vp"] = "vp"
    low: float = Field(0.1, gt=0, description="rate of noising at t = 0")
    high: float = Field(20.0, gt=0, description="rate of noising at t = 1")

    def integral(self, t: Tensor) -> Tensor:
        """``low t + (high - low) t^2 / 2``."""
        return self.low * t + (self.high - self.low) * t.square() / 2

    def integral_inverse(self, b: Tensor) -> Tensor:
        """The positive root of the quadratic, in the form that does not cancel."""
        root = torch.sqrt(self.low**2 + 2 * (self.high - self.low) * b)
        return (2 * b / (self.low + root)).clamp(0, 1)


class Tabulated(VariancePreserving):
    """A table of betas as published with discrete-time models; the rate is constant between.

    Entry ``i`` of ``N`` is reached at ``t = (i + 1) / N``, so published integer timestep ``i``
    is ``t = (i + 1) / N`` and ``t = 0`` is clean. Source: Ho et al. 2020 (arXiv:2006.11239).
    """

    kind: Literal["tabulated"] = "tabulated"
    betas: tuple[float, ...] = Field(min_length=1)

    @field_validator("betas")
    @classmethod
    def _each_in_unit_interval(cls, betas: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < beta < 1 for beta in betas):
            raise ValueError("every beta lies strictly between 0 and 1")
        return betas

    def integral(self, t: Tensor) -> Tensor:
        """Linear interpolation of ``-log(alpha_bar)`` between the entries of the table."""
        count = len(self.betas)
        knots = _knots(self.betas).to(t.device)
        low = (t.detach() * count).floor().long().clamp(0, count - 1)
        return torch.lerp(knots[low], knots[low + 1], t * count - low)

    def integral_inverse(self, b: Tensor) -> Tensor:
        """The same interpolation read the other way."""
        count = len(self.betas)
        knots = _knots(self.betas).to(b.device)
        low = torch.searchsorted(knots, b.contiguous()).sub(1).clamp(0, count - 1)
        within = (b - knots[low]) / (knots[low + 1] - knots[low])
        return ((low + within) / count).clamp(0, 1)


# Not kept on the schedule: pydantic compares what lies there, and tensors do not compare.
@lru_cache(maxsize=16)
def _knots(betas: tuple[float, ...]) -> Tensor:
    """``B`` at ``t = 0, 1/N, ..., 1``."""
    rates = torch.tensor(betas, dtype=torch.float64)
    return torch.cat([torch.zeros(1, dtype=torch.float64), -torch.log1p(-rates).cumsum(0)])


class VE(Schedule):
    """Variance exploding: ``alpha = 1``, ``sigma = sigma_max * t**rho``.

    With ``rho = 7`` equal steps in ``t`` are the steps that EDM takes (Karras et al. 2022,
    arXiv:2206.00364, eq. 5), continued down to exactly zero noise.
    """

    kind: Literal["ve"] = "ve"
    sigma_max: float = Field(80.0, gt=0, description="noise level at t = 1, in units of the data")
    rho: float = Field(7.0, ge=1, description="how densely times crowd at low noise")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(1, sigma_max * t**rho)``."""
        return torch.ones_like(t), self.sigma_max * t.pow(self.rho)

    def time(self, log_snr: Tensor) -> Tensor:
        """``sigma = exp(-log_snr / 2)`` solved for ``t``."""
        return (torch.exp(-log_snr / 2) / self.sigma_max).pow(1 / self.rho).clamp(0, 1)

    def norm(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``alpha = 1`` on this path."""
        return alpha


class Shifted(Schedule):
    """Another schedule with ``sigma / alpha`` multiplied by ``shift`` at every time.

    More pixels average out more noise, so larger images need more of it: ``shift`` is the
    ratio of resolutions. Source: Hoogeboom et al. 2023 (arXiv:2301.11093), section 3.1; Esser
    et al. 2024 (arXiv:2403.03206), eq. 23.
    """

    kind: Literal["shifted"] = "shifted"
    base: _Unshifted
    shift: float = Field(gt=0, description="above 1 = more noise at the same time")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The base's pair with more noise, brought back onto the base's path."""
        alpha, sigma = self.base.coefficients(t)
        sigma = self.shift * sigma
        norm = self.base.norm(alpha, sigma)
        return alpha / norm, sigma / norm

    def time(self, log_snr: Tensor) -> Tensor:
        """The base's time at the unshifted ratio."""
        return self.base.time(log_snr + 2 * math.log(self.shift))

    def norm(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The base's path."""
        return self.base.norm(alpha, sigma)


SCHEDULES: Registry[Schedule] = Registry(
    "schedule", Schedule, (Linear, Cosine, VP, VE, Tabulated, Shifted)
)
"""The schedules by their ``kind``."""

AnySchedule = Annotated[Schedule, SCHEDULES]
"""Any schedule with its settings, as read from a spec."""

_Unshifted = Annotated[Schedule, SCHEDULES.only(lambda kind: not issubclass(kind, Shifted))]
Shifted.model_rebuild()
