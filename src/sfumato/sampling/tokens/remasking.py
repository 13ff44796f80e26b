"""Ancestral sampling with remasking of revealed tokens."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import LEAST, TokenSampler, hidden, masking, revealed


class Remasking(TokenSampler):
    """Ancestral steps in which a token that was revealed may be masked again.

    Early tokens are drawn with little context; after remasking they are drawn again with more. A
    token is masked again with probability ``sigma = eta min(1, (1 - keep_s) / keep_t)`` and a mask
    is revealed with ``(keep_s - (1 - sigma) keep_t) / (1 - keep_t)``, so the expected number of
    masks at every time is the same as without remasking.

    Source: Wang et al. 2025 (ReMDM, arXiv:2503.00307), with their rescaled schedule and switch.
    """

    summary: ClassVar[str] = "ReMDM: tokens may be masked again, so later steps correct mistakes"

    kind: Literal["remasking"] = "remasking"
    eta: float = Field(
        default=0.1, ge=0, le=1, description="share of the greatest remasking; 0 = ancestral"
    )
    off: float = Field(default=0.0, ge=0, le=1, description="no remasking at times below")
    on: float = Field(default=1.0, ge=0, le=1, description="no remasking at times above")

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.off > self.on:
            raise ValueError(f"off ({self.off}) is a later time than on ({self.on})")
        return self

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Mask some tokens again, and reveal some masks."""
        process = masking(context.process, self.kind)
        keep_t, keep_s = process.keep.keep(t).item(), process.keep.keep(s).item()
        sigma = self._sigma(t.item(), keep_t, keep_s)
        decision = context.noise()
        again = (x_t != process.mask) & (decision < sigma)
        if context.free is not None:
            again &= context.free
        x_s = torch.where(again, process.mask, x_t)
        # The probability of the class docstring in a form that is exactly 1 for s = 0.
        lift = 1 - (1 - keep_s - sigma * keep_t) / max(1 - keep_t, LEAST)
        places = hidden(x_t, process, context.free) & (decision < lift)
        if not places.any():
            return x_s
        return revealed(x_s, places, context.denoise(x_t, t), context)

    def _sigma(self, t: float, keep_t: float, keep_s: float) -> float:
        """Probability that a revealed token is masked again."""
        masked = 1 - keep_s
        if masked == 0 or not self.off <= t <= self.on:
            return 0.0
        return self.eta * masked / max(masked, keep_t)
