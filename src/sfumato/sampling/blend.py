"""Weighted sums of states, in which the steps of most samplers consist."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, empty_like, mul

# Numbers that stay in the cache of a CPU while all terms are added to them.
_PART = 1 << 16


def blend(state: Tensor, kept: float, terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """``kept * state + sum_i weights_i terms_i``, with each number independent of the others.

    Args:
        state: Shape (B, ...).
        kept: The weight of the state.
        terms: Each shaped like ``state``; terms without a weight are left out.
        weights: The weights of the terms.
    """
    (total,) = blends(state, terms, [(kept, weights)])
    return total


def blends(
    state: Tensor, terms: Sequence[Tensor], steps: Sequence[tuple[float, Sequence[float]]]
) -> list[Tensor]:
    """Several sums of the same terms, each starting from the previous one.

    Large states are summed in parts, so that each number is read from memory once, not once per
    term.

    Args:
        state: The start of the first sum, shape (B, ...).
        terms: Each shaped like ``state``.
        steps: For each sum the weight of its start, and the weights of the terms.
    """
    totals = [empty_like(state) for _ in steps]
    tensors = (state, *terms, *totals)
    if state.device.type != "cpu" or not all(each.is_contiguous() for each in tensors):
        _add(state, terms, steps, totals)
        return totals
    flat = [each.view(-1) for each in tensors]
    count = 1 + len(terms)
    for low in range(0, state.numel(), _PART):
        start, *rows = (each[low : low + _PART] for each in flat)
        _add(start, rows[: count - 1], steps, rows[count - 1 :])
    return totals


def _add(
    start: Tensor,
    terms: Sequence[Tensor],
    steps: Sequence[tuple[float, Sequence[float]]],
    totals: Sequence[Tensor],
) -> None:
    """Compute the totals, which have the shape of ``start``."""
    for (kept, weights), total in zip(steps, totals, strict=True):
        mul(start, kept, out=total)
        for term, weight in zip(terms, weights, strict=False):
            total.add_(term, alpha=weight)
        start = total
