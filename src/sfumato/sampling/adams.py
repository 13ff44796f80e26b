"""Adams samplers: the posterior mean as a polynomial in the angle between signal and noise.

    phi = atan(sigma / (alpha pivot)),     0 = clean, pi / 2 = noise

For normal data of deviation ``pivot`` the posterior mean along a trajectory is exactly
proportional to ``cos(phi)``; for any data it is smooth in ``phi`` up to both ends, where log-SNR
runs to infinity and the noise level (at ``t = 1``) or its inverse (at ``t = 0``) do too. On exact
mixtures the angle beats those variables at every budget: see ``benchmarks/sampler_accuracy.py``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.sampling.multistep import Multistep


class Adams(Multistep):
    """Exponential Adams-Bashforth, with its Adams-Moulton corrector unless that is turned off.

    Source: the multistep idea for diffusion is PNDM's (Liu et al. 2022, arXiv:2202.09778) and
    DEIS's (Zhang & Chen 2023, arXiv:2204.13902); the coefficients here are for variable steps.
    """

    summary: ClassVar[str] = "multistep in the angle, free corrector; best from 5 evaluations up"

    kind: Literal["adams"] = "adams"
    pivot: float = Field(
        default=0.7,
        gt=0,
        description="noise level at 45 degrees; a little above the data's deviation",
    )

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``phi``, in [0, pi / 2]."""
        return torch.atan2(sigma, alpha * self.pivot)
