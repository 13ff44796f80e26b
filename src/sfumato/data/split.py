"""The order in which items are used, and their division into training and held-out items.

**The order is a pure function of (seed, step).** Epochs are concatenated to one endless stream;
epoch ``e`` is a permutation of the items keyed by ``(seed, e)``. Batch ``k`` takes the positions
``[k * batch, (k + 1) * batch)`` of that stream. A batch can cross the border between epochs, so no
item is ever dropped, and a resumed run needs nothing but its step.

**The division depends on names alone** and never cuts through a group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import DataError, SettingError

# Philox counts in its low words. This constant in the top word separates the order from every other
# stream drawn with the same seed.
_STREAM = 0x5F0D_DA7A
_WORD = (1 << 64) - 1


def batch_indices(
    n_items: int, batch: int, step: int, seed: int, rank: int = 0, world: int = 1
) -> NDArray[np.int64]:
    """The indices of the items of one batch, or of one worker's share of it.

    Args:
        n_items: Number of items of the data set, at least 1.
        batch: The global batch size, summed over workers, at least 1.
        step: The index of the batch, from 0.
        seed: The seed of the run.
        rank: Number of this worker, in ``[0, world)``.
        world: Number of workers that share the batch.

    Returns:
        Indices in ``[0, n_items)``, shape ``(batch,)`` for one worker. With more, the concatenated
        shares in the order of rank are exactly the batch of one worker.

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


# Two, as a batch can cross the border between two epochs.
@lru_cache(maxsize=2)
def _permutation(n_items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    # Raw Philox words are sorted instead of calling Generator.permutation: NumPy guarantees the
    # bits of a bit generator for ever, but may change how it shuffles.
    bits = np.random.Philox(
        key=np.array([seed, epoch], dtype=np.uint64),
        counter=np.array([0, 0, 0, _STREAM], dtype=np.uint64),
    )
    order = np.argsort(bits.random_raw(n_items), kind="stable").astype(np.int64, copy=False)
    order.flags.writeable = False
    return order


def count_classes(labels: NDArray[np.int64] | None, classes: Sequence[str]) -> dict[str, int]:
    """The number of items of each class; empty without labels.

    Args:
        labels: Indices into ``classes``, -1 for an item without a label, shape (N,); or None.
        classes: Names of the classes.
    """
    if labels is None:
        return {}
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    return dict(zip(classes, counts.tolist(), strict=True))


def in_order(names: Iterable[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Sort names, by number if all are numbers.

    Returns:
        The sorted names, and the place of each name of the input among them.
    """
    names = list(names)
    numeric = all(name.isascii() and name.isdigit() for name in names)
    ordered = sorted(names, key=lambda name: (int(name), name) if numeric else (0, name))
    place = {name: number for number, name in enumerate(ordered)}
    return tuple(ordered), np.array([place[name] for name in names], dtype=np.int64)


def repeats(digests: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs of equal items: a later place and the first, int64 (M, 2), sorted by the later place.

    Args:
        digests: A hash of every item, shape (N,).
    """
    order = np.argsort(digests, kind="stable")
    ordered = digests[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    firsts = order[np.searchsorted(ordered, ordered[again])]
    pairs = np.stack([order[again], firsts], axis=1).astype(np.int64)
    return pairs[np.argsort(pairs[:, 0])]


def split_by_group(
    keys: Sequence[str],
    same: Iterable[tuple[int, int]],
    held_out: float,
    balanced: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out whole groups, chosen by a hash of their names.

    Args:
        keys: The group of every item. The choice for a group depends on its name alone, so adding
            items leaves the others where they were.
        same: Pairs of items that must stay together although their groups differ.
        held_out: The approximate share to hold out, in [0, 1). If it is above 0 and there are two
            groups or more, neither part is empty.
        balanced: Whether a group that alone has more than twice this share is trained on, and the
            share is made up by the others; else it can be held out as any other.

    Returns:
        Sorted indices: training items, held-out items.

    Raises:
        SettingError: ``held_out`` is out of its range.
    """
    if not 0.0 <= held_out < 1.0:
        raise SettingError(
            f"The held-out share is {held_out}.", why="it must be at least 0 and below 1"
        )
    # A group is identified by a hash in [0, 1), which saves the memory of a million names; groups
    # whose hashes collide would only be put on the same side.
    own = np.fromiter(map(_unit_hash, keys), np.float64, len(keys))
    levels, level_of = np.unique(own, return_inverse=True)
    joined = levels.copy()
    for key, root in _roots(keys, same).items():
        joined[np.searchsorted(levels, _unit_hash(key))] = _unit_hash(root)
    groups, group_of = np.unique(joined, return_inverse=True)
    if balanced and held_out and len(groups) > 1:
        held = _balanced(np.bincount(group_of[level_of]), groups, held_out)[group_of][level_of]
    else:
        held = (joined < _below(groups, held_out))[level_of]
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def split_as_stated(
    sides: NDArray[np.int8],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out what the data hold out, and train on everything else.

    Args:
        sides: int8, shape (N,): 1 to hold out, 0 to train on, -1 if the data do not say.

    Returns:
        Sorted indices: training items, held-out items.

    Raises:
        DataError: Everything is held out.
    """
    held = sides == 1
    if held.all():
        raise DataError(
            "There is nothing to train on.",
            why=f"the data hold out all {len(held):,} items, by a field 'split' or by folders",
            hint="add training items, whose 'split' is 'train' or which lie in a folder 'train'.",
        )
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def _balanced(
    sizes: NDArray[np.int64], groups: NDArray[np.float64], held_out: float
) -> NDArray[np.bool_]:
    """The groups to hold out, so that their items are about a share of all.

    Args:
        sizes: Number of items of each group, two or more groups.
        groups: The hashes of the groups, sorted.
        held_out: The share, in (0, 1).
    """
    wanted = held_out * sizes.sum()
    usable = np.flatnonzero(sizes <= max(2 * wanted, 1))
    chosen = np.zeros(len(groups), np.bool_)
    if not len(usable):
        chosen[sizes.argmin()] = True
        return chosen
    level = min(wanted / sizes[usable].sum(), 1.0)
    count = int(np.searchsorted(groups[usable], level))
    chosen[usable[: min(max(count, 1), len(groups) - 1)]] = True
    return chosen


def _below(groups: NDArray[np.float64], held_out: float) -> float:
    """The threshold of the hashes of held-out groups; ``groups`` are all hashes, sorted."""
    if held_out == 0 or len(groups) < 2:
        return held_out
    count = int(np.searchsorted(groups, held_out))
    return float(groups[min(max(count, 1), len(groups) - 1)])


def _roots(keys: Sequence[str], same: Iterable[tuple[int, int]]) -> dict[str, str]:
    """Map each group that is joined with others to the first of them by name."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in same:
        low, high = sorted((root(keys[one]), root(keys[other])))
        parent[high] = low
    return {key: root(key) for key in list(parent)}


def _unit_hash(key: str) -> float:
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"sfumato-split").digest()
    return int.from_bytes(digest, "big") / 2.0**64
