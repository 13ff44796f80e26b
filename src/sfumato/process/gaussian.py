"""The Gaussian process: clean data blurred by Gaussian noise.

    x_t = alpha(t) x0 + sigma(t) eps,        eps ~ N(0, I)

Given ``x_t`` and ``x0`` the state at an earlier time ``s < t`` is Gaussian again; that
distribution, the *bridge*, is what ancestral samplers step along.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.process.schedule import Schedule


def spread(coefficient: Tensor, x: Tensor) -> Tensor:
    """Give a coefficient per sample, shape () or (B,), the dtype, device and rank of ``x``."""
    coefficient = coefficient.to(x.device, x.dtype)
    return (
        coefficient.reshape(coefficient.shape + (1,) * (x.ndim - 1))
        if coefficient.ndim
        else (coefficient)
    )


@dataclass(frozen=True)
class Normal:
    """An isotropic normal distribution per sample.

    Attributes:
        mean: Shape (B, ...).
        std: Shape () or (B,), float64.
    """

    mean: Tensor
    std: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """The draw that standard normal ``noise``, shaped like the mean, stands for."""
        return self.mean + spread(self.std, self.mean) * noise


@dataclass(frozen=True)
class Gaussian:
    """Gaussian noising along a schedule."""

    schedule: Schedule

    def corrupt(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The state at time ``t``.

        Args:
            x0: Clean data, shape (B, ...).
            t: Times in [0, 1], shape () or (B,).
            noise: Standard normal, shaped like ``x0``.
        """
        alpha, sigma = self.schedule.coefficients(t)
        return spread(alpha, x0) * x0 + spread(sigma, x0) * noise

    def prior(self, noise: Tensor) -> Tensor:
        """The state at ``t = 1`` that standard normal ``noise`` stands for, no signal left."""
        _, sigma = self.schedule.coefficients(torch.ones((), dtype=torch.float64))
        return spread(sigma, noise) * noise

    def bridge(self, x_t: Tensor, x0: Tensor, t: Tensor, s: Tensor, eta: float = 1.0) -> Normal:
        """A distribution of ``x_s`` given ``x_t`` and ``x0`` that keeps the marginals.

        ``eta = 1`` is the true posterior of the Markov process, ``q(x_s | x_t, x0)``; ``eta = 0``
        moves without noise. Source: Song et al. 2021 (DDIM, arXiv:2010.02502), eq. 7 and 16.

        Args:
            x_t: State at ``t``, shape (B, ...).
            x0: Clean data, same shape.
            t: Time in (0, 1], shape () or (B,).
            s: Earlier time in [0, t), same shape.
            eta: Share of the noise of the Markov posterior, in [0, 1].
        """
        alpha_t, sigma_t = self.schedule.coefficients(t)
        alpha_s, sigma_s = self.schedule.coefficients(s)
        # (alpha_t sigma_s / alpha_s sigma_t)^2, through log_snr so that nothing cancels.
        kept = self.schedule.log_snr(t) - self.schedule.log_snr(s)
        std = eta * sigma_s * torch.sqrt(-torch.expm1(kept))
        along_noise = torch.sqrt((sigma_s.square() - std.square()).clamp_min(0)) / sigma_t
        along_data = alpha_s - along_noise * alpha_t
        return Normal(spread(along_data, x0) * x0 + spread(along_noise, x_t) * x_t, std)
