"""Sets of characters, as the boundaries of their intervals.

A set is ascending code points: its members are those from an even boundary up to the next, odd one.
Halves of characters, and U+FFFD, which stands for what could not be read, are members of no set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

CODE_POINTS = 0x110000
"""The number of code points."""

Bounds = tuple[int, ...]
NEVER: Bounds = (0xD800, 0xE000, 0xFFFD, 0xFFFE)


def one_of(character: str) -> Bounds:
    """The set of one character."""
    return valid((ord(character), ord(character) + 1))


def valid(bounds: Bounds) -> Bounds:
    """A set without the characters that are never drawn."""
    return combined([bounds, NEVER], lambda inside, never: inside and not never)


def without(bounds: Bounds) -> Bounds:
    """All characters but those of a set."""
    return combined([bounds, NEVER], lambda inside, never: not inside and not never)


def joined(several: list[Bounds]) -> Bounds:
    """The characters of any of several sets."""
    return combined(several, lambda *inside: any(inside))


def combined(several: list[Bounds], rule: Callable[..., bool]) -> Bounds:
    """The boundaries of the characters for whose membership in several sets a rule holds."""
    starts = np.unique(np.array([0, CODE_POINTS, *(at for each in several for at in each)]))
    inside = [np.searchsorted(np.array(each), starts[:-1], "right") % 2 == 1 for each in several]
    holds = np.array([rule(*each) for each in zip(*inside, strict=True)])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]])))
    return tuple(starts[edges].tolist())


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_CATEGORIES: Mapping[str, Callable[[str], bool]] = {
    "d": str.isdecimal, "s": str.isspace, "w": _in_word,
}  # fmt: skip


@lru_cache
def category(letter: str) -> Bounds:
    """The boundaries of digits, of letters or of white space; of all others for a capital."""
    belongs = _CATEGORIES[letter.lower()]
    members = [belongs(chr(point)) for point in range(CODE_POINTS)]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], members, [False]])))
    bounds = tuple(edges.tolist())
    return valid(bounds) if letter.islower() else without(bounds)
