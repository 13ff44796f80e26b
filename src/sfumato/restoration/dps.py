"""Diffusion posterior sampling: steps along the gradient of the residual.

    E[x0 | x_t, y] = m + zeta C A^T (y - A m) / v,    v = the mean square of y - A m

with ``m = E[x0 | x_t]`` and ``C = sigma^2 / alpha J``. Chung et al. 2023 (arXiv:2209.14687),
algorithm 1, subtract after each reverse step a multiple ``zeta'`` of the gradient of the norm
``||y - A m||`` by the state, whatever the length of the step. A step along the bridge holds the
posterior mean with a weight ``c``, so that this is the same as a shift of the mean by
``zeta' / c J^T A^T (y - A m) / ||y - A m||``. Here the shift is that of a normal likelihood whose
variance is the mean square of the residual: the same direction, with a length that neither depends
on the steps nor has a unit, so that any sampler can be used. The two are equal step by step for

    zeta' = zeta c sigma^2 / alpha M / ||y - A m||,    M = number of observed values
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from sfumato.denoiser import Posterior
from sfumato.restoration.likelihood import Linearised
from sfumato.restoration.method import Evidence, Guide, PosteriorDenoiser
from sfumato.restoration.solver import of_rows, row_dot
from sfumato.restoration.tweedie import Moments


class DPS(Guide):
    """Diffusion posterior sampling, exact in no case: samples are too sure of the observation."""

    summary: ClassVar[str] = "diffusion posterior sampling: along the gradient of the residual"

    kind: Literal["dps"] = "dps"
    zeta: float = Field(default=2.0, gt=0, le=100, description="length of a step")

    def posterior(self, evidence: Evidence) -> PosteriorDenoiser:
        """See :meth:`Guide.posterior`."""
        return _Descending(evidence, self.zeta)


class _Descending(PosteriorDenoiser):
    def __init__(self, evidence: Evidence, zeta: float) -> None:
        super().__init__(evidence)
        self.zeta = zeta

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`PosteriorDenoiser.forward`."""
        moments = Moments.at(self, x_t, t, **cond)
        linear = Linearised.at(self.observation, moments.mean, self.tiling)
        residual = linear.residual
        # No surer of the observation than its noise allows.
        square = row_dot(residual, residual) / residual[0].numel()
        shift = moments.covariance(linear.transpose(residual))
        return Posterior(moments.mean + of_rows(self.zeta / square.clamp_min(1), shift) * shift)
