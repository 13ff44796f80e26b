"""DiffPIR: the clean data nearest to both the posterior mean and the observation.

    E[x0 | x_t, y] = argmin_x |y - A x|^2 / s^2 + lambda alpha^2 / sigma^2 |x - m|^2

with ``m = E[x0 | x_t]``: the posterior mean as if the state told of the data no more than its noise
allows. Source: Zhu et al. 2023 (arXiv:2305.08995), eq. 12 and algorithm 1. With a small ``lambda``
it is DDNM (Wang et al. 2022, arXiv:2212.00490), which replaces what was observed.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.denoiser import Posterior
from sfumato.restoration.conditional import isotropic_inverse, noise_level
from sfumato.restoration.likelihood import Linearised
from sfumato.restoration.method import Evidence, Guide, PosteriorDenoiser


class DiffPIR(Guide):
    """Proximal steps towards the observation, which need no gradient of the network."""

    summary: ClassVar[str] = "proximal steps towards the observation: no gradients"
    needs_gradients: ClassVar[bool] = False

    kind: Literal["diffpir"] = "diffpir"
    strength: float = Field(
        default=1.0,
        ge=1e-4,
        le=1e4,
        description="lambda, the weight of the model; the paper sets it for each task",
    )

    def posterior(self, evidence: Evidence) -> PosteriorDenoiser:
        """See :meth:`Guide.posterior`."""
        return _Proximal(evidence, self.strength)


class _Proximal(PosteriorDenoiser):
    def __init__(self, evidence: Evidence, strength: float) -> None:
        super().__init__(evidence)
        self.strength = strength

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`PosteriorDenoiser.forward`."""
        with torch.no_grad():
            mean = self.denoiser(x_t, t, **cond).mean
        std = noise_level(self.process.schedule, t) / math.sqrt(self.strength)
        linear = Linearised.at(self.observation, mean, self.tiling)
        inverse = isotropic_inverse(linear, self.observation, mean, std)
        backward = linear.transpose(inverse(linear.residual))
        return Posterior(mean + std**2 * backward)
