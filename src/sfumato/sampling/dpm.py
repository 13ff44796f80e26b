"""DPM-Solver++ and UniPC: the posterior mean as a polynomial in log-SNR.

Both in data prediction, with exact coefficients for variable steps instead of the published
expansions for small steps, from which they differ at the order of the method's own error.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from sfumato.sampling.multistep import Multistep
from sfumato.sampling.sampler import Context


class DPM(Multistep):
    """DPM-Solver++ 2M and 3M. Source: Lu et al. 2022 (arXiv:2211.01095), algorithm 2.

    As is customary the order falls towards the end of the grid: polynomials in log-SNR are least
    to be trusted where it grows fastest.
    """

    summary: ClassVar[str] = "DPM-Solver++ 2M or 3M: multistep in log-SNR"

    kind: Literal["dpm"] = "dpm"
    order: int = Field(default=2, ge=2, le=3, description="2 = 2M, 3 = 3M")
    correct: Literal[False] = False

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Half the log-SNR."""
        return alpha.log() - sigma.log()

    def order_at(self, context: Context) -> int:
        """At most as many as there are steps to come."""
        return min(self.order, context.steps - context.step)


class UniPC(Multistep):
    """Predictor and corrector in log-SNR. Source: Zhao et al. 2023 (arXiv:2302.04867)."""

    summary: ClassVar[str] = "UniPC: multistep in log-SNR with a free corrector"

    kind: Literal["unipc"] = "unipc"
    order: int = Field(
        default=2, ge=1, le=3, description="how many posterior means a step combines"
    )
    correct: Literal[True] = True

    def variable(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Half the log-SNR."""
        return alpha.log() - sigma.log()
