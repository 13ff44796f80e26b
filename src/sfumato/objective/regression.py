"""Denoising regression: the criterion of Gaussian processes.

    loss_i = w(t_i) * mean((y_i - target_i)^2)

``y`` is the backbone's raw output and ``target`` its prediction's row. With the EDM row both have
unit variance and ``w = 1`` is EDM's loss; other weightings multiply it.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.denoiser import NetworkDenoiser
from sfumato.process.gaussian import spread
from sfumato.registry import Part, Registry


class Weighting(Part):
    """How much each noise level counts."""

    @abstractmethod
    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """Weight of the squared error of the backbone's output.

        Args:
            log_snr: Of the sampled times, shape (B,), float64.
            c_out: The scale between output and data at these times: an error ``e`` in the
                output is an error ``c_out * e`` in ``x0``.
        """


class Unit(Weighting):
    """The squared error of the output itself; with the EDM prediction, EDM's weighting."""

    kind: Literal["unit"] = "unit"

    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """1 everywhere."""
        return torch.ones_like(log_snr)


class MinSNR(Weighting):
    """``min(SNR, gamma)`` on the error in ``x0``. Source: Hang et al. 2023 (arXiv:2303.09556)."""

    kind: Literal["min-snr"] = "min-snr"
    gamma: float = Field(5.0, gt=0)

    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """The clipped ratio, carried over to the output's scale."""
        return log_snr.exp().clamp_max(self.gamma) * c_out.square()


class SigmoidWeighting(Weighting):
    """``sigmoid(bias - log_snr)`` on the error in ``eps``: little weight on nearly clean states.

    Source: Kingma & Gao 2023 (arXiv:2303.00848); Hoogeboom et al. 2024 (arXiv:2410.19324).
    """

    kind: Literal["sigmoid"] = "sigmoid"
    bias: float = 0.0

    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """The eps-weight times the signal-to-noise ratio, carried over to the output's scale."""
        return torch.exp(log_snr) * torch.sigmoid(self.bias - log_snr) * c_out.square()


WEIGHTINGS: Registry[Weighting] = Registry("weighting", Weighting, (Unit, MinSNR, SigmoidWeighting))
"""The weightings by their ``kind``."""

AnyWeighting = Annotated[Weighting, WEIGHTINGS]
"""Any weighting with its settings, as read from a spec."""


@dataclass(frozen=True)
class Regression:
    """Denoising regression: the criterion of every Gaussian diffusion and flow model here."""

    weighting: Weighting

    def __call__(
        self, denoiser: NetworkDenoiser, x0: Tensor, t: Tensor, noise: Tensor, **cond: Any
    ) -> Tensor:
        """Loss per sample, shape (B,).

        Args:
            denoiser: The model in training.
            x0: Clean data, shape (B, ...).
            t: Times in (0, 1), float64, shape (B,).
            noise: Standard normal, shaped like ``x0``.
            **cond: Conditions, passed on to the backbone.
        """
        process, schedule = denoiser.process, denoiser.process.schedule
        x_t = process.corrupt(x0, t, noise)
        target = denoiser.prediction.target(schedule, t, x0, noise)
        error = (denoiser.predict(x_t, t, **cond) - target).square().flatten(1).mean(1)
        _, c_out = denoiser.prediction.to_x0(schedule, t)
        return spread(self.weighting.factor(schedule.log_snr(t), c_out), error) * error
