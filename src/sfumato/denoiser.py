"""The waist of the house: a denoiser turns a noisy state into what it believes of the data.

    denoiser(x_t, t, **cond) -> Posterior

Whatever stands below (networks, schedules, predictions) ends here, and whatever stands above
(objectives, samplers, guidance, restoration) starts here. Any ``torch.nn.Module`` can be the
backbone; an exact formula can stand in its place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.process.gaussian import Gaussian, spread
from sfumato.process.prediction import Prediction

# Beyond these the state is all signal or all noise to any float32 network.
_LOG_SNR_LIMIT = 16.0


@dataclass(frozen=True)
class Posterior:
    """What is believed of the clean data, given a noisy state.

    Attributes:
        mean: ``E[x0 | x_t]``, shaped like ``x_t``.
    """

    mean: Tensor


class Denoiser(nn.Module, ABC):
    """Anything that can answer ``E[x0 | x_t]`` under a process.

    Attributes:
        process: The Gaussian process whose states it understands.
    """

    def __init__(self, process: Gaussian) -> None:
        super().__init__()
        self.process = process

    @abstractmethod
    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """The posterior of the clean data.

        Args:
            x_t: States, shape (B, ...).
            t: Times in (0, 1], float64 on the CPU, shape () or (B,).
            **cond: Conditions, each a tensor with B rows or None; for example ``label``.
        """


class NetworkDenoiser(Denoiser):
    """A backbone with its preconditioning.

    The backbone sees the state at unit variance, ``c_in x_t``, and a noise-level feature
    ``c_noise = -log_snr / 8`` (the ``log(sigma) / 4`` of EDM); its output is read as
    ``prediction`` and solved for the data: ``x0 = c_skip x_t + c_out y``.

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 7, for any schedule and prediction.

    Args:
        backbone: ``backbone(x, level, **cond) -> y``, with ``level`` of shape (B,).
        process: The process it is trained under.
        prediction: What the backbone's output means.
        sigma_data: Standard deviation of the data, used to bring states to unit variance.
    """

    def __init__(
        self,
        backbone: nn.Module,
        process: Gaussian,
        prediction: Prediction,
        sigma_data: float = 0.5,
    ) -> None:
        super().__init__(process)
        self.backbone = backbone
        self.prediction = prediction
        self.sigma_data = sigma_data

    def predict(self, x_t: Tensor, t: Tensor, **cond: Any) -> Tensor:
        """The backbone's raw output at unit scale, before it is solved for the data."""
        schedule = self.process.schedule
        t = t.expand(len(x_t))
        alpha, sigma = schedule.coefficients(t)
        c_in = 1 / torch.hypot(alpha * self.sigma_data, sigma)
        level = -schedule.log_snr(t).clamp(-_LOG_SNR_LIMIT, _LOG_SNR_LIMIT) / 8
        output: Tensor = self.backbone(
            spread(c_in, x_t) * x_t, level.to(x_t.device, x_t.dtype), **cond
        )
        # Under autocast the output has fewer bits than the state it is to be combined with.
        return output.to(x_t.dtype)

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        output = self.predict(x_t, t, **cond)
        c_skip, c_out = self.prediction.to_x0(self.process.schedule, t)
        return Posterior(spread(c_skip, x_t) * x_t + spread(c_out, x_t) * output)
