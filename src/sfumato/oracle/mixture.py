"""Gaussian mixtures and their exact denoiser.

Under a Gaussian process, a linear operator or a linear observation, a Gaussian mixture stays one:

    x0 ~ sum_k w_k N(m_k, C_k)    =>    x_t ~ sum_k w_k N(alpha m_k, alpha^2 C_k + sigma^2 I)

so the posterior mean, the density and its score are exact, also given an observation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.oracle import components
from sfumato.process.gaussian import Gaussian

_ROUNDING = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Axes:
    """The principal axes of the components of a mixture.

    Attributes:
        centres: The coordinates of the means along the axes, shape (K, D).
        variances: The variance along each axis, not negative, shape (K, D).
        directions: The directions of the axes as rows, shape (K, D, D); None where they are the
            axes of the data.
    """

    centres: Tensor
    variances: Tensor
    directions: Tensor | None

    def coordinates(self, points: Tensor) -> Tensor:
        """The coordinates of points, shape (B, D), along the axes of each component.

        Returns:
            Shape (B, K, D), or (B, 1, D) where the axes are those of the data.
        """
        if self.directions is None:
            return points[:, None]
        along = points @ self.directions.flatten(0, 1).T
        return along.reshape(len(points), *self.centres.shape)

    def combine(self, shares: Tensor, coordinates: Tensor) -> Tensor:
        """The sum of one vector for each component, weighted by its share, in data space.

        Args:
            shares: Shape (B, K).
            coordinates: The vectors along the axes of their components, shape (B, K, D).

        Returns:
            Shape (B, D).
        """
        if self.directions is None:
            return torch.einsum("bk,bkd->bd", shares, coordinates)
        return (shares[:, :, None] * coordinates).flatten(1) @ self.directions.flatten(0, 1)

    def draw(self, chosen: Tensor, noise: Tensor) -> Tensor:
        """Vectors in data space with the covariances of the chosen components.

        Args:
            chosen: The indices of the components, int64, shape (B,).
            noise: Standard normal, float64, shape (B, D).

        Returns:
            Shape (B, D).
        """
        scaled = self.variances[chosen].sqrt() * noise
        if self.directions is None:
            return scaled
        return torch.einsum("bji,bj->bi", self.directions[chosen], scaled)

    @cached_property
    def roots(self) -> Tensor:
        """A square root ``R`` of each covariance, ``C = R R^T``, shape (K, D, D)."""
        stds = self.variances.sqrt()
        if self.directions is None:
            return torch.diag_embed(stds)
        return self.directions.mT * stds[:, None, :]


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """A mixture of K normal distributions in D dimensions.

    Attributes:
        means: Shape (K, D), float64.
        covariances: Shape (K, D, D), float64, symmetric and positive semi-definite; a zero
            matrix is a point mass.
        weights: Shape (K,), float64, not negative, summing to 1.
        labels: The class of each component, shape (K,), int64, in [0, classes).
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
        """Make a mixture with convenient defaults.

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
        """The number of classes; also the null label, which stands for the whole mixture."""
        return components.classes(self.labels)

    @cached_property
    def axes(self) -> Axes:
        """The principal axes; with diagonal covariances they are those of the data, and cheap."""
        diagonal = self.covariances.diagonal(dim1=1, dim2=2)
        if torch.equal(self.covariances, torch.diag_embed(diagonal)):
            return Axes(self.means, diagonal.clamp_min(0), None)
        variances, directions = torch.linalg.eigh(self.covariances)
        # A zero variance with rounding error is set to zero, since its square root would be large.
        least = variances.shape[1] * _ROUNDING * variances[:, -1:]
        directions = directions.mT.contiguous()
        centres = torch.einsum("kji,ki->kj", directions, self.means)
        return Axes(centres, torch.where(variances > least, variances, 0.0), directions)

    def log_weights(self, label: Tensor | None) -> Tensor:
        """Log-weights of the components that each label selects, float64, shape (B or 1, K).

        Args:
            label: Shape (B,), each a class or the null label; None = the whole mixture.

        Raises:
            SettingError: A label selects no component with a positive weight.
        """
        return components.log_weights(self.weights, self.labels, label)

    def sample(self, u: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """Sample from the mixture.

        Args:
            u: Uniform numbers in [0, 1), shape (B,), which choose the components.
            noise: Standard normal, shape (B, D).
            label: Shape (B,), each a class or the null label; None = the whole mixture.

        Returns:
            float64, shape (B, D).

        Raises:
            SettingError: A label selects no component with a positive weight.
        """
        k = components.choose(self.log_weights(label), u)
        return self.means[k] + self.axes.draw(k, noise.double())

    def posterior(self, operator: Tensor, observation: Tensor, noise_std: float) -> GaussianMixture:
        """The posterior of the mixture given an observation ``y = A x0 + noise_std * noise``.

        Each component is conditioned by itself and weighted by the likelihood of the observation;
        classes stay the same. With ``A R = U S W^T``, the singular value decomposition of the
        operator times a root ``R`` of the covariance, no matrix is squared before it is inverted:

            mean' = mean + R W S / (S^2 + noise_std^2) U^T (y - A mean)
            C'    = R W diag(noise_std^2 / (S^2 + noise_std^2)) W^T R^T

        which is Bayes' rule for linear observations in the axes of A R (Bishop 2006, "Pattern
        Recognition and Machine Learning", eq. 2.113 to 2.117).

        Args:
            operator: A, shape (M, D).
            observation: y, shape (M,).
            noise_std: The standard deviation of the noise, not negative. Without noise every
                sample of the result satisfies ``A x = y``.

        Raises:
            SettingError: Shapes do not fit, ``noise_std`` is negative or infinite, or it is 0 and
                the operator does not map every component onto all of the M observations.
        """
        self._check_observation(operator, observation, noise_std)
        operator, observation = operator.double(), observation.double()
        roots = self.axes.roots
        left, values, right = torch.linalg.svd(operator @ roots)
        (rows, columns), rank = operator.shape, values.shape[1]
        if noise_std == 0:
            _check_onto(values, rows, columns)
        # Observations beyond the dimension of the data are noise alone; directions beyond the
        # number of observations are unchanged.
        variances = F.pad(values.square(), (0, rows - rank)) + noise_std**2
        offset = torch.einsum("kmi,km->ki", left, observation - self.means @ operator.T)
        step = values / variances[:, :rank] * offset[:, :rank]
        shrink = F.pad(noise_std / variances[:, :rank].sqrt(), (0, columns - rank), value=1.0)
        means = self.means + torch.einsum("kij,krj,kr->ki", roots, right[:, :rank], step)
        root = (roots @ right.mT) * shrink[:, None, :]
        log_joint = self.weights.log() - 0.5 * (offset.square() / variances + variances.log()).sum(
            1
        )
        return GaussianMixture(means, root @ root.mT, log_joint.softmax(0), self.labels)

    def _check_observation(self, operator: Tensor, observation: Tensor, noise_std: float) -> None:
        fits = operator.ndim == 2 and operator.shape[1] == self.means.shape[1]
        if not fits or observation.shape != operator.shape[:1]:
            raise SettingError(
                "The observation does not fit the mixture.",
                why=f"operator has shape {tuple(operator.shape)}, "
                f"observation {tuple(observation.shape)}",
                hint=f"for M observations give the shapes (M, {self.means.shape[1]}) and (M,)",
            )
        if not 0 <= noise_std < float("inf"):
            raise SettingError(f"An observation cannot have a noise_std of {noise_std}.")


def _check_onto(values: Tensor, rows: int, columns: int) -> None:
    """Without noise, every component has to be able to produce every observation."""
    least = max(rows, columns) * _ROUNDING * values[:, :1]
    if rows > columns or not bool((values > least).all()):
        raise SettingError(
            "Without noise, a component of the mixture cannot produce every observation.",
            why="A C A^T has no inverse for one of the covariances C",
            hint="give a noise_std above 0",
        )


@dataclass(frozen=True)
class _Components:
    """The posterior of each component given each state, in the component's own axes.

    Attributes:
        log_joint: The log of its weight times its density of the state, shape (B, K).
        shift: The posterior mean of the component minus its mean, shape (B, K, D).
    """

    log_joint: Tensor
    shift: Tensor


class MixtureDenoiser(Denoiser):
    """The exact posterior mean of a Gaussian mixture under a Gaussian process.

    Computed in float64 on the CPU whatever the state's dtype and device; states of any shape
    (B, ...) with D numbers per sample.

    Args:
        mixture: The distribution of the clean data.
        process: The process that adds the noise.
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
            SettingError: A condition other than ``label`` is given, or a label that selects
                no component.
        """
        if cond:
            raise SettingError(f"A mixture has no condition {sorted(cond)}.", hint="use 'label'")
        parts = self._components(x_t, t, label)
        share = parts.log_joint.softmax(1)
        mean = share @ self.mixture.means + self.mixture.axes.combine(share, parts.shift)
        return Posterior(mean.reshape(x_t.shape).to(x_t.device, x_t.dtype))

    def log_density(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """``log p_t(x_t)`` in nats, or given the class; float64, shape (B,), differentiable.

        Takes ``t = 0`` too, where every covariance must be invertible.
        """
        parts = self._components(x_t, t, label)
        return torch.logsumexp(parts.log_joint, 1)

    def _components(self, x_t: Tensor, t: Tensor, label: Tensor | None) -> _Components:
        """The posterior of each component."""
        x = x_t.flatten(1).to("cpu", torch.float64)
        # One time for all samples stays one, so that its logarithms and quotients are computed
        # once.
        alpha, sigma = (c.reshape(-1, 1, 1) for c in self.process.schedule.coefficients(t.double()))
        axes = self.mixture.axes
        total = alpha.square() * axes.variances + sigma.square()
        offset = axes.coordinates(x) - alpha * axes.centres
        scaled = offset / total
        log_volume = torch.log(2 * torch.pi * total).sum(-1)
        log_normal = -0.5 * (torch.einsum("bkd,bkd->bk", offset, scaled) + log_volume)
        log_joint = self.mixture.log_weights(label) + log_normal
        return _Components(log_joint, alpha * axes.variances * scaled)
