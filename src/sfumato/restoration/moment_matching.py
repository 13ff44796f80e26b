"""Moment matching: the posterior mean of normal data with the first two moments of the denoiser.

    E[x0 | x_t, y] = m + C A^T (A C A^T + s^2)^-1 (y - A m),    C = sigma^2 / alpha J

with ``m = E[x0 | x_t]`` and its Jacobian ``J``. It is exact on normal data, with no setting to
choose. Source: Rozet et al. 2024 (arXiv:2405.13712), eq. 17 to 19.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.restoration.covariance import Covariance
from sfumato.restoration.likelihood import Linearised
from sfumato.restoration.method import Differentiated, Evidence, PosteriorDenoiser
from sfumato.restoration.particles import MOST_PARTICLES, ParticleGuide, Twisted, TwistedDenoiser
from sfumato.restoration.solver import conjugate_gradients, of_rows, row_dot

# Where the state tells less than this share of the largest variance, the covariance given the state
# is that of the data, and the Jacobian of a network there is mostly rounding.
_NOTHING_KNOWN = 3e-2
# On average the covariance given a state is at most that of normal data, and seldom a few times as
# large, as between two modes. Beyond this the Jacobian of a network is in error.
_MOST = 10.0
# Iterations of the preconditioner, which need no network but are made for each backward pass.
_ROUGHLY = 12


class MomentMatching(ParticleGuide):
    """Moment matching with the covariance of the denoiser, and particles that correct it."""

    summary: ClassVar[str] = (
        "moment matching with particles: exact on normal data, and on all data with many particles"
    )

    kind: Literal["moment-matching"] = "moment-matching"
    iterations: int = Field(
        default=5, ge=1, le=100, description="largest number of backward passes of an evaluation"
    )
    tolerance: float = Field(
        default=1e-3, ge=0, lt=1, description="share of the energy at which the solver stops"
    )

    def posterior(self, evidence: Evidence) -> PosteriorDenoiser:
        """See :meth:`Guide.posterior`."""
        return _Matched(evidence, self)


class Quick(ParticleGuide):
    """Moment matching with one covariance of the data, which needs no gradient of the network.

    The covariance given a state is that of normal data, ``(C^-1 + alpha^2 / sigma^2)^-1``: exact on
    normal data too, at the cost of plain sampling.
    """

    summary: ClassVar[str] = "moment matching with one covariance of the data: no gradients"
    needs_gradients: ClassVar[bool] = False

    kind: Literal["quick"] = "quick"
    particles: int = Field(
        default=1,
        ge=1,
        le=MOST_PARTICLES,
        description="particles of each sample; 1 = no correction",
    )

    def posterior(self, evidence: Evidence) -> PosteriorDenoiser:
        """See :meth:`Guide.posterior`."""
        return _Approximated(evidence)


class _Approximated(TwistedDenoiser):
    """With the covariance of normal data given the state."""

    def twisted(self, x_t: Tensor, t: Tensor, **cond: Any) -> Twisted:
        """See :meth:`TwistedDenoiser.twisted`."""
        with torch.no_grad():
            prior = self.denoiser(x_t, t, **cond).mean
        return self._approximated(prior, *self._given(prior, t))

    def _approximated(self, prior: Tensor, linear: Linearised, known: Covariance) -> Twisted:
        inverse = linear.inverse(known, self.observation.operator.is_linear)
        solved = inverse(linear.residual)
        backward = linear.transpose(solved)
        image = self.tiling.apply([known.apply] * len(linear.maps), backward)
        return Twisted(prior, prior + image, -0.5 * row_dot(linear.residual, solved))

    def _given(self, prior: Tensor, t: Tensor) -> tuple[Linearised, Covariance]:
        """The observation at the means, and the covariance of normal data given the state."""
        snr = self.process.schedule.log_snr(t).exp().item()
        known = self.covariance.to(prior).given(snr)
        return Linearised.at(self.observation, prior, self.tiling), known


class _Matched(_Approximated):
    """With the covariance of the denoiser itself."""

    def __init__(self, evidence: Evidence, method: MomentMatching) -> None:
        super().__init__(evidence)
        self.method = method

    def twisted(self, x_t: Tensor, t: Tensor, **cond: Any) -> Twisted:
        """See :meth:`TwistedDenoiser.twisted`."""
        snr = self.process.schedule.log_snr(t).exp().item()
        if snr * self.covariance.variances.max().item() < _NOTHING_KNOWN:
            return super().twisted(x_t, t, **cond)
        at = Differentiated.at(self.denoiser, x_t, t, **cond)
        linear, known = self._given(at.mean, t)
        alpha, sigma = self.process.schedule.coefficients(t)
        scale = (sigma.square() / alpha).item()

        def product(observed: Tensor) -> tuple[Tensor, Tensor]:
            image = scale * at.transposed(linear.transpose(observed))
            return linear.apply(image) + observed, image

        solution = conjugate_gradients(
            product,
            linear.residual,
            linear.inverse(known, self.observation.operator.is_linear, _ROUGHLY),
            self.method.iterations,
            self.method.tolerance,
            lambda direction: self._believed(direction, linear, known),
        )
        likelihood = -0.5 * (solution.energy + solution.log_determinant)
        found = Twisted(at.mean, at.mean + solution.image, likelihood)
        if bool(solution.searched.all()):
            return found
        # Where the Jacobian is of no use, the covariance of the data has to do.
        rough = self._approximated(at.mean, linear, known)
        mean = torch.where(of_rows(solution.searched, found.mean).bool(), found.mean, rough.mean)
        either = torch.where(solution.searched, likelihood, rough.log_likelihood)
        return Twisted(at.mean, mean, either)

    def _believed(self, direction: Tensor, linear: Linearised, known: Covariance) -> Tensor:
        """The largest ``p^T S p`` that is believed of a network, float64, shape (B,)."""
        backward = linear.transpose(direction)
        image = self.tiling.apply([known.apply] * len(linear.maps), backward)
        return row_dot(direction, direction) + _MOST * row_dot(backward, image)
