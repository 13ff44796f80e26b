"""Dividing items into training and held-out ones, by name and never through a group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import SettingError


def split_by_group(
    keys: Sequence[str], same: Iterable[tuple[int, int]], held_out: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out whole groups, chosen by a hash of their names.

    Args:
        keys: The group of every item. The choice for a group depends on its name alone, so adding
            items leaves the others where they were.
        same: Pairs of items that must stay together although their groups differ.
        held_out: About which share to hold out, in [0, 1). When it is above 0 and there are two
            groups or more, neither part is empty.

    Returns:
        Sorted indices: training items, held-out items.

    Raises:
        SettingError: ``held_out`` is out of its range.
    """
    if not 0.0 <= held_out < 1.0:
        raise SettingError(
            f"The held-out share is {held_out}.", why="it must be at least 0 and below 1"
        )
    # A group is known by its number in [0, 1): groups that shared one by chance would only share
    # their side, and a million names need not be kept.
    own = np.fromiter(map(_unit_hash, keys), np.float64, len(keys))
    levels, level_of = np.unique(own, return_inverse=True)
    joined = levels.copy()
    for key, root in _roots(keys, same).items():
        joined[np.searchsorted(levels, _unit_hash(key))] = _unit_hash(root)
    held = (joined < _below(np.unique(joined), held_out))[level_of]
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def _below(groups: NDArray[np.float64], held_out: float) -> float:
    """Groups whose number is below this are held out; ``groups`` are all numbers, sorted."""
    if held_out == 0 or len(groups) < 2:
        return held_out
    count = int(np.searchsorted(groups, held_out))
    return float(groups[min(max(count, 1), len(groups) - 1)])


def _roots(keys: Sequence[str], same: Iterable[tuple[int, int]]) -> dict[str, str]:
    """Map each group that was joined with others to the first of them by name."""
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
