"""Weighted sums of states, which are all that a sampler itself computes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, empty_like, mul

# Numbers that stay in a processor's cache while all terms are added to them.
_PART = 1 << 16


def blend(state: Tensor, kept: float, terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """``kept state + sum of weights terms``, each number as if computed alone.

    Large states are summed part by part: each is then read from memory once, where one term after
    the other would read and write the sum anew for each.

    Args:
        state: Shape (B, ...).
        kept: Its weight.
        terms: Each shaped like ``state``; those beyond the weights are left out.
        weights: Of the terms.
    """
    used = [(term, weight) for term, weight in zip(terms, weights, strict=False)]
    whole = (state, *(term for term, _ in used))
    if state.device.type != "cpu" or not all(each.is_contiguous() for each in whole):
        total = state * kept
        for term, weight in used:
            total.add_(term, alpha=weight)
        return total
    total = empty_like(state)
    flat, begun = total.view(-1), state.view(-1)
    rows = [(term.view(-1), weight) for term, weight in used]
    for low in range(0, len(flat), _PART):
        part = slice(low, low + _PART)
        here = flat[part]
        mul(begun[part], kept, out=here)
        for row, weight in rows:
            here.add_(row[part], alpha=weight)
    return total
