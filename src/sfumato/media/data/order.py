"""The order of the data, as a pure function of (seed, step).

Epochs are laid end to end in one endless stream; epoch ``e`` is a permutation of the items keyed by
``(seed, e)``. Batch ``k`` takes the positions ``[k * batch, (k + 1) * batch)`` of that stream. It
crosses the border between epochs, so no item is ever dropped, and a resumed run needs nothing but
its step.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Philox counts in its low words; this constant sits in the top one and keeps the order apart from
# every other stream drawn with the same seed.
_STREAM = 0x5F0D_DA7A
_WORD = (1 << 64) - 1


def batch_indices(
    n_items: int, batch: int, step: int, seed: int, rank: int = 0, world: int = 1
) -> NDArray[np.int64]:
    """The items of one batch, or one worker's share of it.

    Args:
        n_items: How many items the data set has, at least 1.
        batch: The global batch size, summed over workers, at least 1.
        step: The index of the batch, from 0.
        seed: The seed of the run.
        rank: This worker, in ``[0, world)``.
        world: How many workers share the batch.

    Returns:
        Indices in ``[0, n_items)``, shape ``(batch,)`` for one worker. With more, the shares laid
        end to end in the order of rank are exactly the batch that one worker would see.

    Raises:
        ValueError: An argument is out of its range.
    """
    if n_items < 1 or batch < 1 or step < 0:
        raise ValueError(f"need n_items, batch >= 1 and step >= 0: {n_items}, {batch}, {step}")
    share = rank_slice(batch, rank, world)
    position = step * batch + share.start
    remaining = share.stop - share.start
    pieces = []
    while remaining:
        epoch, offset = divmod(position, n_items)
        piece = _permutation(n_items, seed & _WORD, epoch)[offset : offset + remaining]
        pieces.append(piece)
        position += len(piece)
        remaining -= len(piece)
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)


def rank_slice(batch: int, rank: int, world: int) -> slice:
    """The contiguous part of a global batch that belongs to a worker.

    The shares differ by one item at most when ``world`` does not divide ``batch``.

    Raises:
        ValueError: ``rank`` is not in ``[0, world)``.
    """
    if not 0 <= rank < world:
        raise ValueError(f"rank must be in [0, {world}): {rank}")
    return slice(batch * rank // world, batch * (rank + 1) // world)


def epoch_of(n_items: int, batch: int, step: int) -> float:
    """How many times the data has been seen before batch ``step``."""
    return step * batch / n_items


# Two: a batch that crosses a border must not throw away the permutation it came from.
@lru_cache(maxsize=2)
def _permutation(n_items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    # Sorting raw Philox words instead of calling Generator.permutation: NumPy promises the bits of
    # a bit generator for ever, and may change how it shuffles.
    bits = np.random.Philox(
        key=np.array([seed, epoch], dtype=np.uint64),
        counter=np.array([0, 0, 0, _STREAM], dtype=np.uint64),
    )
    order = np.argsort(bits.random_raw(n_items), kind="stable").astype(np.int64, copy=False)
    order.flags.writeable = False
    return order
