"""Weighted sums of states, which are all that a sampler itself computes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, empty_like, mul

# Numbers that stay in a processor's cache while all terms are added to them.
_PART = 1 << 16


def blend(state: Tensor, kept: float, terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """``kept state + sum of weights terms``, each number as if computed alone.

    Args:
        state: Shape (B, ...).
        kept: Its weight.
        terms: Each shaped like ``state``; those beyond the weights are left out.
        weights: Of the terms.
    """
    (total,) = blends(state, terms, [(kept, weights)])
    return total


def blends(
    state: Tensor, terms: Sequence[Tensor], steps: Sequence[tuple[float, Sequence[float]]]
) -> list[Tensor]:
    """Several sums of the same terms, each begun at the one before it.

    Large states are summed part by part: each is then read from memory once, where one term after
    the other would read and write the sum anew for each.

    Args:
        state: What the first begins at, shape (B, ...).
        terms: Each shaped like ``state``.
        steps: For each sum what it keeps of its beginning, and the weights of the terms.
    """
    totals = [empty_like(state) for _ in steps]
    whole = (state, *terms, *totals)
    if state.device.type != "cpu" or not all(each.is_contiguous() for each in whole):
        _add(state, terms, steps, totals)
        return totals
    flat = [each.view(-1) for each in whole]
    count = 1 + len(terms)
    for low in range(0, state.numel(), _PART):
        begun, *rows = (each[low : low + _PART] for each in flat)
        _add(begun, rows[: count - 1], steps, rows[count - 1 :])
    return totals


def _add(
    begun: Tensor,
    terms: Sequence[Tensor],
    steps: Sequence[tuple[float, Sequence[float]]],
    totals: Sequence[Tensor],
) -> None:
    """Fill the totals, which are all of one shape with the beginning."""
    for (kept, weights), total in zip(steps, totals, strict=True):
        mul(begun, kept, out=total)
        for term, weight in zip(terms, weights, strict=False):
            total.add_(term, alpha=weight)
        begun = total
