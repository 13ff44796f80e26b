"""Denoising regression: the criterion of Gaussian processes.

    loss_i = w(t_i) * mean((y_i - target_i)^2)

``y`` is the backbone's raw output and ``target`` its value for the true data, by the row of the
prediction. With the EDM row both have unit variance and ``w = 1`` is EDM's loss; other weightings
multiply it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.denoiser import NetworkDenoiser
from sfumato.objective.objective import Objective
from sfumato.process.gaussian import spread
from sfumato.registry import Part, Registry


class Weighting(Part):
    """Base of all weightings: how much each noise level counts."""

    @abstractmethod
    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """Weight of the squared error of the backbone's output.

        Args:
            log_snr: Log-SNR at the times of the batch, shape (B,), float64.
            c_out: The scale between output and data at these times, shape (B,): an error ``e`` in
                the output is an error ``c_out * e`` in ``x0``.
        """


class Unit(Weighting):
    """The plain squared error of the output; with the EDM prediction this is EDM's weighting."""

    kind: Literal["unit"] = "unit"

    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """1 everywhere."""
        return torch.ones_like(log_snr)


class MinSNR(Weighting):
    """``min(SNR, gamma)`` on the error in ``x0``. Source: Hang et al. 2023 (arXiv:2303.09556)."""

    kind: Literal["min-snr"] = "min-snr"
    gamma: float = Field(5.0, gt=0)

    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """The clipped ratio, converted to the scale of the output."""
        return log_snr.exp().clamp_max(self.gamma) * c_out.square()


class SigmoidWeighting(Weighting):
    """``sigmoid(bias - log_snr)`` on the error in ``eps``: little weight on nearly clean states.

    Source: Kingma & Gao 2023 (arXiv:2303.00848); Hoogeboom et al. 2024 (arXiv:2410.19324).
    """

    kind: Literal["sigmoid"] = "sigmoid"
    bias: float = 0.0

    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        """The eps-weight times the signal-to-noise ratio, converted to the scale of the output."""
        return torch.exp(log_snr) * torch.sigmoid(self.bias - log_snr) * c_out.square()


WEIGHTINGS: Registry[Weighting] = Registry("weighting", Weighting, (Unit, MinSNR, SigmoidWeighting))
"""The weightings by their ``kind``."""

AnyWeighting = Annotated[Weighting, WEIGHTINGS]
"""Any weighting with its settings, as read from a spec."""


class Regression(Objective):
    """Denoising regression: the criterion of every Gaussian diffusion and flow model here.

    ``Regression(MinSNR())`` is short for ``Regression(weighting=MinSNR())``.
    """

    summary: ClassVar[str] = "the squared error of the backbone's output, weighted by noise level"

    kind: Literal["regression"] = "regression"
    weighting: AnyWeighting = Field(Unit(), description="how much each noise level counts")

    def __init__(self, weighting: Weighting | None = None, /, **settings: Any) -> None:
        named = {} if weighting is None else {"weighting": weighting}
        super().__init__(**named, **settings)

    def __call__(
        self, denoiser: NetworkDenoiser, x0: Tensor, t: Tensor, noise: Tensor, **cond: Any
    ) -> Tensor:
        """See :meth:`Objective.__call__`."""
        process, schedule = denoiser.process, denoiser.process.schedule
        x_t = process.corrupt(x0, t, noise)
        target = denoiser.prediction.target(schedule, t, x0, noise)
        error = (denoiser.predict(x_t, t, **cond) - target).square().flatten(1).mean(1)
        _, c_out = denoiser.prediction.to_x0(schedule, t)
        return spread(self.weighting.factor(schedule.log_snr(t), c_out), error) * error
