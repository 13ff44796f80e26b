"""Reveal the tokens that the denoiser is most sure of."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import TokenSampler, beliefs, draw, hidden, masking


class Confidence(TokenSampler):
    """A token is drawn for every masked place, and the likeliest draws are kept.

    As many masks are left as the process expects at ``s``, rounded; at least one is lifted. The
    law of the data is not kept: likely tokens are favoured, for unlikely ones are drawn again.
    Noise, which fades as the text appears, softens that.

    Source: Chang et al. 2022 (MaskGIT, arXiv:2202.04200), iterative decoding, with Gumbel noise
    on the confidence.
    """

    summary: ClassVar[str] = "MaskGIT: the surest tokens first; sharp, but likely tokens prevail"

    kind: Literal["confidence"] = "confidence"
    noise: float = Field(
        default=1.0, ge=0, description="weight of Gumbel noise at t = 1; 0 = surest only"
    )

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Draw all, keep the surest."""
        process = masking(context.process, self.kind)
        places = hidden(x_t, process, context.free)
        if not places.any():
            return x_t
        logits = context.denoise(x_t, t)[places]
        tokens = draw(beliefs, context.noise()[places], logits)
        sureness = torch.full(x_t.shape, -torch.inf, dtype=torch.float64, device=x_t.device)
        sureness[places] = logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0].double()
        weight = self.noise * (1 - process.keep.keep(s).item())
        sureness = sureness + weight * _gumbel(context.noise(draw=1))
        drawn = x_t.masked_scatter(places, tokens)
        kept = _rank(sureness) < _lifted(x_t, process, s, context.free)[:, None]
        return torch.where(places & kept, drawn, x_t)


def _lifted(x_t: Tensor, process: Masking, s: Tensor, free: Tensor | None) -> Tensor:
    """How many masks each row loses in a step to ``s``, shape (B,)."""
    total = torch.ones_like(x_t).sum(1) if free is None else free.sum(1)
    left = (total * (1 - process.keep.keep(s).item())).round().long()
    return (hidden(x_t, process, free).sum(1) - left).clamp_min(1)


def _rank(scores: Tensor) -> Tensor:
    """Place of each score in its row, 0 for the highest; the earlier of equals first."""
    return scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)


def _gumbel(noise: Tensor) -> Tensor:
    """Standard Gumbel noise of uniform noise in [0, 1)."""
    return -torch.log(-torch.log(noise.clamp_min(torch.finfo(noise.dtype).tiny)))
