"""Holding out combinations of words of which every word is known from other items.

A model that has learnt "green" and "book" from other items can draw a green book. Items are
therefore held out by pairs of words: all groups with an item that has both, so that the pair never
occurs in training.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?")
_EMPTY = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "is", "it", "its", "like",
     "mostly", "of", "on", "or", "some", "that", "the", "this", "to", "with", "without")
)  # fmt: skip
# A pair of more groups is a kind of items, such as "grinning face", and no rare combination.
_MOST_GROUPS = 3
_FEWEST_OTHERS = 2
_LEAST_PART = 0.5


def content_words(text: str) -> frozenset[str]:
    """The words of a text in lower case, without articles, prepositions and the like."""
    return frozenset(_WORD.findall(text.lower())) - _EMPTY


def held_out_combinations(
    words: Sequence[frozenset[str]], groups: Sequence[str], share: float
) -> list[bool]:
    """Which items to hold out.

    Pairs of words that at least one item has, and at most three groups have, are taken in the order
    of a hash of the pair. A pair is held out, with all groups that have it, if at least two
    groups, and half of its groups, remain to train on for every word of the groups that are held
    out. The selection ends when the share is reached, or with the last pair.

    Args:
        words: The words of every item.
        groups: The group of near-duplicates of every item; a group is not divided.
        share: The approximate share of items to hold out, in [0, 1].
    """
    of_group: defaultdict[str, set[str]] = defaultdict(set)
    having: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for own, group in zip(words, groups, strict=True):
        of_group[group] |= own
        for pair in itertools.combinations(sorted(own), 2):
            having[pair].add(group)
    sizes = Counter(groups)
    total = Counter(word for own in of_group.values() for word in own)
    left = Counter(total)
    held: set[str] = set()
    for pair in sorted(having, key=_order):
        if sum(sizes[group] for group in held) >= share * len(groups):
            break
        new = having[pair] - held
        lost = Counter(word for group in new for word in of_group[group])
        if new and len(having[pair]) <= _MOST_GROUPS and _are_known(lost, left, total):
            held |= new
            left -= lost
    return [group in held for group in groups]


def _are_known(lost: Counter[str], left: Counter[str], total: Counter[str]) -> bool:
    return all(
        left[word] - count >= max(_FEWEST_OTHERS, _LEAST_PART * total[word])
        for word, count in lost.items()
    )


def _order(pair: Iterable[str]) -> bytes:
    return hashlib.blake2b(" ".join(pair).encode(), person=b"sfumato-words").digest()
