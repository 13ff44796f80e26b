"""Reveal the text from coarse to fine: places far apart first, then the middles between them."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import ClassVar, Literal

import torch
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.sampling.sampler import Context
from sfumato.sampling.tokens.sampler import TokenSampler, hidden, masking, reveal


class Dyadic(TokenSampler):
    """Places are revealed in rounds: far apart, then those half-way between, and so on.

    Between two places of a round lies one that is known. So where a token depends on its
    neighbours alone (a Markov chain of order 1), ``floor(log2 L) + 1`` evaluations draw L tokens
    exactly, and every greater number does too, as it only splits the largest rounds. With fewer
    the first rounds are merged, whose places are farthest apart and depend on each other least.

    The order is fixed, so the grid is of no account. The denoiser is told the time at which the
    process would have left as many masks.
    """

    summary: ClassVar[str] = "coarse to fine; exact in log2(L) + 1 calls for Markov chains"

    kind: Literal["dyadic"] = "dyadic"

    def step(
        self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[CategoricalProcess]
    ) -> Tensor:
        """Reveal the places whose turn it is."""
        process = masking(context.process, self.kind)
        turn = _turns(x_t, context.free, context.steps)
        places = hidden(x_t, process, context.free) & (turn <= context.step)
        if not places.any():
            return x_t
        logits = context.denoise(x_t, _time(x_t, process))
        return reveal(x_t, places, logits, context.noise())


def _time(x_t: Tensor, process: Masking) -> Tensor:
    """When the process masks as many tokens as each row has; above 0, shape (B,)."""
    masked = (x_t == process.mask).sum(1).clamp_min(1).cpu().double() / x_t.shape[1]
    return process.keep.time(1 - masked)


def _turns(x_t: Tensor, free: Tensor | None, steps: int) -> Tensor:
    """The step at which each free place is revealed, int64, shape (B, L)."""
    if free is None:
        return _order(x_t.shape[1], steps).to(x_t.device).expand_as(x_t)
    turns = torch.zeros_like(x_t)
    for row, places in zip(turns, free, strict=True):
        row[places] = _order(int(places.sum()), steps).to(x_t.device)
    return turns


@lru_cache(maxsize=256)
def _order(places: int, steps: int) -> Tensor:
    """The step, below ``steps``, at which each of a row of places is revealed, shape (places,)."""
    rounds = _rounds(places)
    merged = len(rounds) - steps + 1
    if merged > 1:
        rounds = [list(chain.from_iterable(rounds[:merged])), *rounds[merged:]]
    while len(rounds) < min(steps, places):
        k = max(range(len(rounds)), key=lambda i: len(rounds[i]))
        # Every other place, so that those revealed at once are as far apart as can be.
        rounds[k : k + 1] = [rounds[k][::2], rounds[k][1::2]]
    order = torch.zeros(places, dtype=torch.int64)
    for step, members in enumerate(rounds):
        order[members] = step
    return order


def _rounds(places: int) -> list[list[int]]:
    """All places by rounds, each by position.

    A place's distance from the end is an odd number times ``2**h``: the rounds are those of
    falling ``h``, and between two multiples of ``2**h`` that are odd lies an even one.
    """
    falling = [2**h for h in reversed(range(places.bit_length()))]
    return [list(range(places - gap, -1, -2 * gap))[::-1] for gap in falling]
