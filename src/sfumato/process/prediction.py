"""Predictions: what a backbone is trained to output, as rows of one 2x2 system.

Every usual target is a combination of data and noise, and so is the state:

    x_t = alpha x0 + sigma eps        (the state's row)
    y   = a     x0 + b     eps        (the prediction's row)

Solving the two for ``x0`` and ``eps`` turns any prediction into any other, once, here. The EDM
preconditioning (Karras et al. 2022) is one more row: its ``c_skip`` and ``c_out`` are what the
solve gives.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.gaussian import spread
from sfumato.process.schedule import Schedule
from sfumato.registry import Part, Registry


class Prediction(Part):
    """Base of all predictions: the row ``(a, b)`` of ``y = a x0 + b eps``."""

    @abstractmethod
    def row(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(a, b)`` at times ``t``, float64, same shape as ``t``."""

    def target(self, schedule: Schedule, t: Tensor, x0: Tensor, eps: Tensor) -> Tensor:
        """The value ``y`` to be learnt, shaped like ``x0``."""
        a, b = self.row(schedule, t)
        return spread(a, x0) * x0 + spread(b, x0) * eps

    def to_x0(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(c_skip, c_out)`` with ``x0 = c_skip x_t + c_out y``, float64.

        Infinite where the state holds no signal and ``y`` none either (``eps`` at ``alpha = 0``).
        """
        a, b = self.row(schedule, t)
        alpha, sigma = schedule.coefficients(t)
        determinant = alpha * b - sigma * a
        return b / determinant, -sigma / determinant

    def to_eps(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(d_skip, d_out)`` with ``eps = d_skip x_t + d_out y``, float64."""
        a, b = self.row(schedule, t)
        alpha, sigma = schedule.coefficients(t)
        determinant = alpha * b - sigma * a
        return -a / determinant, alpha / determinant


class X0(Prediction):
    """The clean data."""

    kind: Literal["x0"] = "x0"

    def row(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(1, 0)``."""
        return torch.ones_like(t), torch.zeros_like(t)


class Eps(Prediction):
    """The noise. Source: Ho et al. 2020 (arXiv:2006.11239)."""

    kind: Literal["eps"] = "eps"

    def row(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(0, 1)``."""
        return torch.zeros_like(t), torch.ones_like(t)


class V(Prediction):
    """``v = alpha eps - sigma x0``. Source: Salimans & Ho 2022 (arXiv:2202.00512)."""

    kind: Literal["v"] = "v"

    def row(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(-sigma, alpha)``."""
        alpha, sigma = schedule.coefficients(t)
        return -sigma, alpha


class Velocity(Prediction):
    """``dx_t / dt`` along the path; ``eps - x0`` for the linear schedule.

    Source: Lipman et al. 2023 (arXiv:2210.02747).
    """

    kind: Literal["velocity"] = "velocity"

    def row(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(d alpha / dt, d sigma / dt)``."""
        return schedule.rates(t)


class Score(Prediction):
    """``grad log p(x_t | x0) = -eps / sigma``. Source: Song et al. 2021 (arXiv:2011.13456)."""

    kind: Literal["score"] = "score"

    def row(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(0, -1 / sigma)``."""
        _, sigma = schedule.coefficients(t)
        return torch.zeros_like(t), -1 / sigma


class EDM(Prediction):
    """The unit-variance target of EDM's preconditioning, for any schedule.

    ``F = (x0 - c_skip x) / c_out`` of Karras et al. 2022 (arXiv:2206.00364), table 1, with
    ``x = x_t / alpha`` and noise level ``sigma / alpha``, written as a row so that it stays finite
    at ``alpha = 0`` and at ``sigma = 0``. With ``sigma_data = 1`` and a variance-preserving
    schedule it is ``-v``.
    """

    kind: Literal["edm"] = "edm"
    sigma_data: float = Field(0.5, gt=0, description="standard deviation of the data")

    def row(self, schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(sigma / (n sigma_data), -alpha sigma_data / n)``, ``n`` the state's deviation."""
        alpha, sigma = schedule.coefficients(t)
        n = torch.hypot(sigma, alpha * self.sigma_data)
        return sigma / (n * self.sigma_data), -alpha * self.sigma_data / n


PREDICTIONS: Registry[Prediction] = Registry(
    "prediction", Prediction, (X0, Eps, V, Velocity, Score, EDM)
)
"""The predictions by their ``kind``."""

AnyPrediction = Annotated[Prediction, PREDICTIONS]
"""Any prediction with its settings, as read from a spec."""
