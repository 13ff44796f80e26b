"""Tweedie moment projected diffusion: the covariance of the observation as a diagonal.

    E[x0 | x_t, y] = m + C A^T (diag(A C A^T 1) + s^2)^-1 (y - A m)

with ``m = E[x0 | x_t]`` and ``C = sigma^2 / alpha J``. It is exact on normal data whose
``A C A^T`` is diagonal. Source: Boys et al. 2023 (arXiv:2310.06721), eq. 11 to 15. The sums of the
rows are the diagonal of a diagonal matrix only. With correlated data they can be near zero or
negative, where samples of the published formula diverge: their absolute values are used here.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor

from sfumato.denoiser import Posterior
from sfumato.restoration.likelihood import Linearised
from sfumato.restoration.method import Evidence, Guide, PosteriorDenoiser
from sfumato.restoration.tweedie import Moments


class TMPD(Guide):
    """Tweedie moment projection, exact on normal data with independent observed values."""

    summary: ClassVar[str] = "moment matching with a diagonal: exact on independent normal data"

    kind: Literal["tmpd"] = "tmpd"

    def posterior(self, evidence: Evidence) -> PosteriorDenoiser:
        """See :meth:`Guide.posterior`."""
        return _Diagonal(evidence)


class _Diagonal(PosteriorDenoiser):
    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`PosteriorDenoiser.forward`."""
        moments = Moments.at(self, x_t, t, **cond)
        linear = Linearised.at(self.observation, moments.mean, self.tiling)
        residual = linear.residual
        # In units of the noise s the sums of the rows are (A C A^T / s) s / s.
        noise = self.observation.noise.to(residual).expand_as(residual)
        sums = linear.apply(moments.covariance(linear.transpose(noise))) / noise
        variances = sums.abs() + 1
        return Posterior(moments.mean + moments.covariance(linear.transpose(residual / variances)))
