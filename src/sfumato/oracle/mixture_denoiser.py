"""The exact denoiser of a Gaussian mixture, which stays one under any Gaussian process:

    x0 ~ sum_k w_k N(m_k, C_k)    =>    x_t ~ sum_k w_k N(alpha m_k, alpha^2 C_k + sigma^2 I)

so the posterior mean, the density and its score are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.oracle.mixture import GaussianMixture
from sfumato.process.gaussian import Gaussian


@dataclass(frozen=True)
class _Components:
    """What each component says of each state, in the component's own axes.

    Attributes:
        log_joint: Log of its weight times its density of the state, shape (B, K).
        moved: What it expects of the data, from its mean, shape (B, K, D).
    """

    log_joint: Tensor
    moved: Tensor


class MixtureDenoiser(Denoiser):
    """The exact posterior mean of a Gaussian mixture under a Gaussian process.

    Computed in float64 on the CPU whatever the state's dtype and device; states of any shape
    (B, ...) with D numbers per sample.

    Args:
        mixture: The distribution of the clean data.
        process: The process that noises it.
    """

    def __init__(self, mixture: GaussianMixture, process: Gaussian) -> None:
        super().__init__(process)
        self.mixture = mixture

    def forward(
        self, x_t: Tensor, t: Tensor, label: Tensor | None = None, **cond: Any
    ) -> Posterior:
        """``E[x0 | x_t]``, or given the class too; see :meth:`Denoiser.forward`.

        Args:
            x_t: States, shape (B, ...).
            t: Times in (0, 1], shape () or (B,).
            label: Shape (B,), each a class or the null label (``mixture.classes``).
            **cond: Not accepted.

        Raises:
            SettingError: A condition other than ``label`` is given, or a label that leaves no
                component.
        """
        if cond:
            raise SettingError(f"A mixture knows no condition {sorted(cond)}.", hint="use 'label'")
        parts = self._components(x_t, t, label)
        share = parts.log_joint.softmax(1)
        mean = share @ self.mixture.means + self.mixture.axes.leave(share, parts.moved)
        return Posterior(mean.reshape(x_t.shape).to(x_t.device, x_t.dtype))

    def log_density(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """``log p_t(x_t)`` in nats, or given the class; float64, shape (B,), differentiable.

        Takes ``t = 0`` too, where every covariance must be invertible.
        """
        parts = self._components(x_t, t, label)
        return torch.logsumexp(parts.log_joint, 1)

    def _components(self, x_t: Tensor, t: Tensor, label: Tensor | None) -> _Components:
        """Responsibilities and posteriors per component."""
        x = x_t.flatten(1).to("cpu", torch.float64)
        # One time for all samples stays one: its logarithms and quotients are taken once.
        alpha, sigma = (c.reshape(-1, 1, 1) for c in self.process.schedule.coefficients(t.double()))
        axes = self.mixture.axes
        total = alpha.square() * axes.variances + sigma.square()
        offset = axes.enter(x) - alpha * axes.centres
        scaled = offset / total
        log_volume = torch.log(2 * torch.pi * total).sum(-1)
        log_normal = -0.5 * (torch.einsum("bkd,bkd->bk", offset, scaled) + log_volume)
        log_joint = self.mixture.log_weights(label) + log_normal
        return _Components(log_joint, alpha * axes.variances * scaled)
