"""Revealing text from coarse to fine: places far apart first, then the places between them."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import ClassVar, Literal

import torch
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import TokenSampler, hidden, masking, revealed


class Dyadic(TokenSampler):
    """Places are revealed in rounds: far apart, then half-way between them, and so on.

    Between two places of a round lies one that is already revealed. So for a Markov chain of order
    1, ``floor(log2 L) + 1`` evaluations draw L tokens exactly, and so does every greater number,
    which only splits the largest rounds. With fewer evaluations the first rounds are merged, whose
    places are farthest apart and depend least on each other.

    The order is fixed, so the grid is not used. The denoiser gets the time at which the process has
    the same share of masks.
    """

    summary: ClassVar[str] = "coarse to fine; exact in log2(L) + 1 calls for Markov chains"

    kind: Literal["dyadic"] = "dyadic"

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Reveal the places of this step."""
        process = masking(context.process, self.kind)
        turn = turns(x_t, context.free, context.steps)
        places = hidden(x_t, process, context.free) & (turn <= context.step)
        if not places.any():
            return x_t
        logits = context.denoise(x_t, share_time(x_t, process))
        return revealed(x_t, places, logits, context, 0)


def share_time(x_t: Tensor, process: Masking) -> Tensor:
    """The time at which the process has the share of masks of each row, above 0, shape (B,)."""
    masked = (x_t == process.mask).sum(1).clamp_min(1).cpu().double() / x_t.shape[1]
    return process.keep.time(1 - masked)


def turns(x_t: Tensor, free: Tensor | None, steps: int) -> Tensor:
    """The step at which each free place is revealed, int64, shaped like ``x_t``, (B, L)."""
    if free is None:
        return _order(x_t.shape[1], steps).to(x_t.device).expand_as(x_t)
    turns = torch.zeros_like(x_t)
    for row, places in zip(turns, free, strict=True):
        row[places] = _order(int(places.sum()), steps).to(x_t.device)
    return turns


@lru_cache(maxsize=256)
def _order(places: int, steps: int) -> Tensor:
    """The step in [0, steps) at which each place of a row is revealed, shape (places,)."""
    rounds = _rounds(places)
    merged = len(rounds) - steps + 1
    if merged > 1:
        rounds = [list(chain.from_iterable(rounds[:merged])), *rounds[merged:]]
    while len(rounds) < min(steps, places):
        k = max(range(len(rounds)), key=lambda i: len(rounds[i]))
        # Every other place, so that places of one step are as far apart as possible.
        rounds[k : k + 1] = [rounds[k][::2], rounds[k][1::2]]
    order = torch.zeros(places, dtype=torch.int64)
    for step, members in enumerate(rounds):
        order[members] = step
    return order


def _rounds(places: int) -> list[list[int]]:
    """The places of each round, in ascending order.

    The distance of a place from the end is an odd number times ``2**h``. The rounds have falling
    ``h``, and between two odd multiples of ``2**h`` lies an even one.
    """
    falling = [2**h for h in reversed(range(places.bit_length()))]
    return [list(range(places - gap, -1, -2 * gap))[::-1] for gap in falling]
