"""Ancestral samplers of tokens: steps of the reverse process, with independent tokens.

``Ancestral`` reveals masked tokens at random at the rate of the process, and ``Bridge`` follows the
exact bridge of any process.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import (
    TokenSampler,
    beliefs,
    hidden,
    masking,
    revealed,
    share_revealed,
    whole_rows,
)


class Ancestral(TokenSampler):
    """Every masked token is revealed independently with its probability under the bridge.

    The places are drawn before the denoiser is evaluated, so a step that reveals nothing costs
    nothing. Tokens revealed in the same step are independent of each other: that is the only error,
    and it falls like one over the number of steps.

    Source: Austin et al. 2021 (arXiv:2107.03006), section 3.1; in this form, and with calls saved
    where nothing changes, Sahoo et al. 2024 (arXiv:2406.07524).
    """

    summary: ClassVar[str] = "masks lifted at random; steps that reveal nothing are free"

    kind: Literal["ancestral"] = "ancestral"

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Reveal some masked tokens."""
        return leap(x_t, t, s, masking(context.process, self.kind), context)


class Bridge(TokenSampler):
    """Every token is drawn independently from ``sum_u p(x0 = u | x_t) q(x_s | x_t, x0 = u)``.

    It is exact for each token alone under any process, and the only sampler here for the uniform
    process. It needs a few float64 tensors of the size of the logits; under masking the ancestral
    sampler does the same with less memory.

    Source: Austin et al. 2021 (arXiv:2107.03006), eq. 4.
    """

    summary: ClassVar[str] = "the exact step of each token alone; for any process"

    kind: Literal["bridge"] = "bridge"

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Draw every token again."""
        process, free = context.process, context.free
        if isinstance(process, Masking) and not hidden(x_t, process, free).any():
            return x_t
        logits = context.denoise(x_t, t)
        believed = (
            beliefs(logits) if context.language is None else whole_rows(x_t, logits, context, 1)
        )
        x_s = process.bridge(x_t, believed, t, s).sample(context.noise())
        return x_s if free is None else torch.where(free, x_s, x_t)


def leap(
    x_t: Tensor, t: Tensor, s: Tensor, process: Masking, context: Context[CategoricalProcess]
) -> Tensor:
    """One ancestral step, with at most one evaluation."""
    chosen = context.noise() < share_revealed(process.keep, t, s)
    places = hidden(x_t, process, context.free) & chosen
    if not places.any():
        return x_t
    return revealed(x_t, places, context.denoise(x_t, t), context)
