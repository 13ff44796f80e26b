"""Pseudo-inverse guidance: normal data of one variance given the state.

    E[x0 | x_t, y] = m + C A^T (r^2 A A^T + s^2)^-1 (y - A m)
    r^2 = (1 / v + alpha^2 / sigma^2)^-1

with ``m = E[x0 | x_t]``, ``C = sigma^2 / alpha J`` and the variance ``v`` of the data. It is exact
on normal data with the covariance ``v I``. Source: Song et al. 2023 ("Pseudoinverse-guided
diffusion models for inverse problems", ICLR), eq. 6 to 8, for any schedule. The system is solved as
it is, so that no pseudo-inverse of the operator is needed.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from sfumato.denoiser import Posterior
from sfumato.restoration.conditional import isotropic_inverse
from sfumato.restoration.likelihood import Linearised
from sfumato.restoration.method import Evidence, Guide, PosteriorDenoiser
from sfumato.restoration.tweedie import Moments


class PiGDM(Guide):
    """Pseudo-inverse guidance, exact on normal data whose numbers are independent and alike."""

    summary: ClassVar[str] = "pseudo-inverse guidance: exact on normal data of one variance"

    kind: Literal["pigdm"] = "pigdm"
    variance: float = Field(
        default=1.0, gt=0, le=1e6, description="variance of the data, 1 in the paper"
    )

    def posterior(self, evidence: Evidence) -> PosteriorDenoiser:
        """See :meth:`Guide.posterior`."""
        return _Isotropic(evidence, self.variance)


class _Isotropic(PosteriorDenoiser):
    def __init__(self, evidence: Evidence, variance: float) -> None:
        super().__init__(evidence)
        self.variance = variance

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`PosteriorDenoiser.forward`."""
        moments = Moments.at(self, x_t, t, **cond)
        snr = self.process.schedule.log_snr(t).exp().item()
        std = math.sqrt(1 / (1 / self.variance + snr))
        linear = Linearised.at(self.observation, moments.mean, self.tiling)
        inverse = isotropic_inverse(linear, self.observation, moments.mean, std)
        backward = linear.transpose(inverse(linear.residual))
        return Posterior(moments.mean + moments.covariance(backward))
