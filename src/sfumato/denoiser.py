"""Denoisers: estimates of the clean data from a noisy state.

    denoiser(x_t, t, **cond) -> Posterior

This is the interface between the floors below (networks, schedules, predictions) and those above
(objectives, samplers, guidance). Any ``torch.nn.Module`` can be the backbone, and a denoiser can
also be an exact formula.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.process.gaussian import Gaussian, spread
from sfumato.process.prediction import Prediction

# Beyond these the state is all signal or all noise to any float32 network.
_LOG_SNR_LIMIT = 16.0
IMPOSSIBLE = -1e9
"""The logit of an impossible token: finite, because guidance subtracts logits from each other."""

ProcessT = TypeVar("ProcessT", bound=Gaussian | CategoricalProcess, default=Gaussian)


@dataclass(frozen=True)
class Posterior:
    """The distribution of the clean data given a noisy state, as far as samplers need it.

    It is one tensor. Under a Gaussian process this is the mean ``E[x0 | x_t]``, shaped like
    ``x_t``; under a categorical process it is the log-probabilities of every clean token at every
    place, up to a constant, shape (B, L, V).

    Attributes:
        parameter: The tensor.
    """

    parameter: Tensor

    @property
    def mean(self) -> Tensor:
        """``E[x0 | x_t]``: what the parameter is under a Gaussian process."""
        return self.parameter

    @property
    def logits(self) -> Tensor:
        """Unnormalised ``log p(x0 | x_t)``: what the parameter is under a categorical process."""
        return self.parameter


class Denoiser(nn.Module, ABC, Generic[ProcessT]):
    """Anything that estimates the clean data from a state of a process.

    Attributes:
        process: The process that its states come from; Gaussian by default.
    """

    def __init__(self, process: ProcessT) -> None:
        super().__init__()
        self.process = process

    @abstractmethod
    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """The posterior of the clean data.

        Args:
            x_t: States, shape (B, ...).
            t: Times in (0, 1], float64 on the CPU, shape () or (B,).
            **cond: Conditions, each a tensor with B rows or None; for example ``label``. See
                :class:`~sfumato.conditions.Conditions`.
        """


class NetworkDenoiser(Denoiser[Gaussian]):
    """A backbone with its preconditioning.

    The backbone sees the state at unit variance, ``c_in x_t``, and a noise-level feature
    ``c_noise = -log_snr / 8`` (the ``log(sigma) / 4`` of EDM); its output is read as
    ``prediction`` and solved for the data: ``x0 = c_skip x_t + c_out y``.

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 7, for any schedule and prediction.

    Args:
        backbone: ``backbone(x, level, **cond) -> y``, with ``level`` of shape (B,).
        process: The process under which it is trained.
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
        # Under autocast the output has fewer bits than the state.
        return output.to(x_t.dtype)

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        output = self.predict(x_t, t, **cond)
        c_skip, c_out = self.prediction.to_x0(self.process.schedule, t)
        return Posterior(spread(c_skip, x_t) * x_t + spread(c_out, x_t) * output)


class TokenDenoiser(Denoiser[CategoricalProcess]):
    """A backbone that maps tokens to logits.

    Under masking a token that is not masked is certain, and the network's logits are used at the
    masked places only (Sahoo et al. 2024, arXiv:2406.07524, section 3.2.3: zero masking
    probabilities and carry-over).

    Args:
        backbone: ``backbone(tokens, level, **cond) -> logits`` of shape (B, L, V), with tokens
            int64 (B, L) and ``level`` (B,), a smooth function of the share of noise.
        process: The process under which it is trained.
    """

    def __init__(self, backbone: nn.Module, process: CategoricalProcess) -> None:
        super().__init__(process)
        self.backbone = backbone

    def predict(self, x_t: Tensor, t: Tensor, **cond: Any) -> Tensor:
        """The backbone's logits as they are, float32, shape (B, L, V).

        Args:
            x_t: States, int64, shape (B, L).
            t: Times in [0, 1], float64, shape () or (B,).
            **cond: Conditions, passed on to the backbone.
        """
        level = 2 * self.process.keep.keep(t.expand(len(x_t))) - 1
        logits: Tensor = self.backbone(x_t, level.to(x_t.device, torch.float32), **cond)
        return logits.float()

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        logits = self.predict(x_t, t, **cond)
        if isinstance(self.process, Masking):
            logits = _with_certainty(logits, x_t, self.process.mask)
        return Posterior(logits)


def _with_certainty(logits: Tensor, x_t: Tensor, mask: int) -> Tensor:
    """Logits with certainty at the places that are not masked."""
    visible = (x_t != mask).unsqueeze(-1)
    certain = torch.full_like(logits, IMPOSSIBLE)
    certain.scatter_(-1, x_t.clamp_max(logits.shape[-1] - 1).unsqueeze(-1), 0.0)
    return torch.where(visible, certain, logits)
