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
    joined = _joined(keys, same)
    place = {key: _unit_hash(key) for key in joined.values()}
    chosen = {key for key, value in place.items() if value < held_out}
    if held_out > 0 and len(place) > 1:
        ordered = sorted(place, key=place.__getitem__)
        chosen = set(ordered[: min(max(len(chosen), 1), len(ordered) - 1)])
    held = np.array([joined[key] in chosen for key in keys], dtype=bool)
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def _joined(keys: Sequence[str], same: Iterable[tuple[int, int]]) -> dict[str, str]:
    """Map each group to the name of the cluster it was joined into."""
    parent = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in same:
        low, high = sorted((root(keys[one]), root(keys[other])))
        parent[high] = low
    return {key: root(key) for key in parent}


def _unit_hash(key: str) -> float:
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"sfumato-split").digest()
    return int.from_bytes(digest, "big") / 2.0**64
