"""Adams samplers: the posterior mean as a polynomial in the angle between signal and noise.

    phi = atan((sigma / (alpha pivot))**power),     0 = clean, pi / 2 = noise

For normal data of deviation ``pivot`` the posterior mean along a trajectory is exactly
proportional to ``cos(phi)`` with ``power = 1``; data of many deviations wants a power below 1
(see :class:`AngleGrid`, whose equal steps these are). The angle is finite at both ends of the
path, where log-SNR, the noise level or its inverse are not, and on exact mixtures a polynomial in
it ends nearer to the truth than one in log-SNR: see ``benchmarks/sampler_accuracy.py``.
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
    pivot: float = Field(default=1.0, gt=0, description="noise level half-way through the turn")
    power: float = Field(
        default=0.7, gt=0, le=1, description="below 1 = the turn reaches further to both ends"
    )

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """``phi``, in [0, pi / 2]."""
        return torch.atan2(sigma.pow(self.power), (alpha * self.pivot).pow(self.power))
