"""Exact denoisers for distributions whose noisy versions are known in closed form.

A Gaussian mixture stays one under any Gaussian process:

    x0 ~ sum_k w_k N(m_k, C_k)    =>    x_t ~ sum_k w_k N(alpha m_k, alpha^2 C_k + sigma^2 I)

so the posterior mean, the density and its score are exact. They are the truth that samplers,
objectives and guidance are tested against, and a model that needs no training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.process.gaussian import Gaussian


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """A mixture of K normal distributions in D dimensions.

    Attributes:
        means: Shape (K, D), float64.
        covariances: Shape (K, D, D), float64, symmetric and positive semi-definite; a zero
            matrix is a point mass.
        weights: Shape (K,), float64, positive, summing to 1.
        labels: Class of each component, shape (K,), int64, in [0, classes).
    """

    means: Tensor
    covariances: Tensor
    weights: Tensor
    labels: Tensor

    @classmethod
    def build(
        cls,
        means: Tensor,
        covariances: Tensor | None = None,
        stds: Tensor | float | None = None,
        weights: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> GaussianMixture:
        """A mixture from what is convenient to state.

        Args:
            means: Shape (K, D).
            covariances: Shape (K, D, D); exclusive with ``stds``.
            stds: Standard deviations that broadcast to (K, D): one number, (K, 1) or (K, D).
            weights: Positive, shape (K,), of any sum; equal by default.
            labels: Shape (K,); by default each component is its own class.

        Raises:
            SettingError: Both or neither of ``covariances`` and ``stds`` are given.
        """
        means = means.double()
        if (covariances is None) == (stds is None):
            raise SettingError("A mixture takes either covariances or stds, one of the two.")
        if covariances is None:
            spreads = torch.as_tensor(stds, dtype=torch.float64).expand(means.shape)
            covariances = torch.diag_embed(spreads.square())
        weights = torch.ones(len(means)) if weights is None else weights
        labels = torch.arange(len(means)) if labels is None else labels
        weights = weights.double() / weights.double().sum()
        return cls(means, covariances.double(), weights, labels)

    @property
    def classes(self) -> int:
        """Number of classes; also the null label, which stands for the whole mixture."""
        return int(self.labels.max()) + 1

    @cached_property
    def axes(self) -> tuple[Tensor, Tensor]:
        """Principal variances (K, D), not negative, and directions as columns (K, D, D)."""
        variances, directions = torch.linalg.eigh(self.covariances)
        return variances.clamp_min(0), directions

    def sample(self, u: Tensor, noise: Tensor) -> Tensor:
        """Draws from the mixture.

        Args:
            u: Uniform numbers in [0, 1), shape (B,), that choose the components.
            noise: Standard normal, shape (B, D).

        Returns:
            float64, shape (B, D).
        """
        edges = self.weights.cumsum(0)[:-1]
        k = torch.searchsorted(edges, u.double(), right=True)
        variances, directions = self.axes
        scaled = variances[k].sqrt() * noise.double()
        return self.means[k] + torch.einsum("bij,bj->bi", directions[k], scaled)


@dataclass(frozen=True)
class _Components:
    """What each component says of each state; shapes (B, K), (B, K, D) and (B, K, D)."""

    log_joint: Tensor
    gain: Tensor
    offset: Tensor


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
            SettingError: A condition other than ``label`` is given.
        """
        if cond:
            raise SettingError(f"A mixture knows no condition {sorted(cond)}.", hint="use 'label'")
        parts = self._components(x_t, t, label)
        _, directions = self.mixture.axes
        share = parts.log_joint.softmax(1)
        moved = torch.einsum("kij,bkj->bki", directions, parts.gain * parts.offset)
        mean = torch.einsum("bk,bki->bi", share, self.mixture.means + moved)
        return Posterior(mean.reshape(x_t.shape).to(x_t.device, x_t.dtype))

    def log_density(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """``log p_t(x_t)`` in nats, or given the class; float64, shape (B,), differentiable.

        Takes ``t = 0`` too, where every covariance must be invertible.
        """
        parts = self._components(x_t, t, label)
        return torch.logsumexp(parts.log_joint, 1)

    def _components(self, x_t: Tensor, t: Tensor, label: Tensor | None) -> _Components:
        """Responsibilities and posteriors per component, in each component's own axes."""
        x = x_t.flatten(1).to("cpu", torch.float64)
        alpha, sigma = self.process.schedule.coefficients(t.double().expand(len(x)))
        alpha, sigma = alpha[:, None, None], sigma[:, None, None]
        variances, directions = self.mixture.axes
        total = alpha.square() * variances + sigma.square()
        offset = torch.einsum("kij,bki->bkj", directions, x[:, None] - alpha * self.mixture.means)
        log_normal = -0.5 * (offset.square() / total + torch.log(2 * torch.pi * total)).sum(-1)
        log_joint = self._log_weights(label) + log_normal
        return _Components(log_joint, alpha * variances / total, offset)

    def _log_weights(self, label: Tensor | None) -> Tensor:
        """Log-weights of the components that each label leaves, shape (B or 1, K)."""
        weights = self.mixture.weights[None]
        if label is None:
            return weights.log()
        asked = label.cpu()[:, None]
        kept = (asked == self.mixture.classes) | (asked == self.mixture.labels)
        weights = weights * kept
        return (weights / weights.sum(1, keepdim=True)).log()
