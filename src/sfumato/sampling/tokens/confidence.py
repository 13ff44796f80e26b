"""Revealing the tokens with the highest confidence first."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import (
    TokenSampler,
    beliefs,
    draw,
    hidden,
    masking,
    whole_rows,
)


class Confidence(TokenSampler):
    """A token is drawn for every masked place, and the likeliest draws are kept.

    The number of masks that remain is what the process expects at ``s``, rounded; at least one
    token is revealed. The distribution of the data is not preserved: likely tokens are favoured, as
    unlikely ones are drawn again. Noise, which fades as the text appears, reduces that.

    Source: Chang et al. 2022 (MaskGIT, arXiv:2202.04200), iterative decoding, with Gumbel noise
    on the confidence.
    """

    summary: ClassVar[str] = (
        "MaskGIT: the most confident tokens first; sharp, but favours likely tokens"
    )

    kind: Literal["confidence"] = "confidence"
    noise: float = Field(
        default=1.0, ge=0, description="weight of Gumbel noise at t = 1; 0 = by confidence only"
    )

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Draw all masked tokens, and keep the most confident ones."""
        process = masking(context.process, self.kind)
        places = hidden(x_t, process, context.free)
        if not places.any():
            return x_t
        everywhere = context.denoise(x_t, t)
        logits = everywhere[places]
        if context.language is None:
            tokens = draw(beliefs, context.noise()[places], logits)
        else:
            tokens = whole_rows(x_t, everywhere, context, 0)[places]
        confidence = torch.full(x_t.shape, -torch.inf, dtype=torch.float64, device=x_t.device)
        confidence[places] = logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0].double()
        weight = self.noise * (1 - process.keep.keep(s).item())
        confidence = confidence + weight * _gumbel(context.noise(draw=1))
        drawn = x_t.masked_scatter(places, tokens)
        revealed = _rank(confidence) < _revealed(x_t, process, s, context.free)[:, None]
        return torch.where(places & revealed, drawn, x_t)


def _revealed(x_t: Tensor, process: Masking, s: Tensor, free: Tensor | None) -> Tensor:
    """Number of tokens that each row reveals in a step to ``s``, shape (B,)."""
    total = torch.ones_like(x_t).sum(1) if free is None else free.sum(1)
    left = (total * (1 - process.keep.keep(s).item())).round().long()
    return (hidden(x_t, process, free).sum(1) - left).clamp_min(1)


def _rank(scores: Tensor) -> Tensor:
    """Place of each score in its row, 0 for the highest; the earlier of equals first."""
    return scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)


def _gumbel(noise: Tensor) -> Tensor:
    """Standard Gumbel noise of uniform noise in [0, 1)."""
    return -torch.log(-torch.log(noise.clamp_min(torch.finfo(noise.dtype).tiny)))
