"""Reveal masked tokens at random, at the pace of the process."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import TokenSampler, hidden, masking, reveal, share_revealed


class Ancestral(TokenSampler):
    """Every masked token is revealed with its probability under the bridge, for itself.

    Which ones is decided before the denoiser is asked, so a step that reveals nothing costs
    nothing. Tokens revealed in the same step do not know of each other: that is the only error,
    and it falls like one over the number of steps.

    Source: Austin et al. 2021 (arXiv:2107.03006), section 3.1; in this form, and with calls saved
    where nothing changes, Sahoo et al. 2024 (arXiv:2406.07524).
    """

    summary: ClassVar[str] = "masks lifted at random; steps that reveal nothing are free"

    kind: Literal["ancestral"] = "ancestral"

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Lift some masks."""
        return leap(x_t, t, s, masking(context.process, self.kind), context)


def leap(
    x_t: Tensor, t: Tensor, s: Tensor, process: Masking, context: Context[CategoricalProcess]
) -> Tensor:
    """One ancestral step, of one evaluation at most."""
    chosen = context.noise() < share_revealed(process.keep, t, s)
    places = hidden(x_t, process, context.free) & chosen
    if not places.any():
        return x_t
    return reveal(x_t, places, context.denoise(x_t, t), context.noise(draw=1))
