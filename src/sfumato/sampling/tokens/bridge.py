"""Step along the exact bridge of the process, mixed over what is believed of the data."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import TokenSampler, beliefs, hidden


class Bridge(TokenSampler):
    """Every token is drawn from ``sum_u p(x0 = u | x_t) q(x_s | x_t, x0 = u)``, for itself.

    It is right for each token alone, whatever the process; the uniform process has no other
    sampler here. Needs a few float64 tensors of the size of the logits; under masking the
    ancestral sampler does the same with less.

    Source: Austin et al. 2021 (arXiv:2107.03006), eq. 4.
    """

    summary: ClassVar[str] = "the exact step of each token alone; for any process"

    kind: Literal["bridge"] = "bridge"

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Draw every token anew."""
        process, free = context.process, context.free
        if isinstance(process, Masking) and not hidden(x_t, process, free).any():
            return x_t
        believed = beliefs(context.denoise(x_t, t))
        x_s = process.bridge(x_t, believed, t, s).sample(context.noise())
        return x_s if free is None else torch.where(free, x_s, x_t)
