"""Substrings of texts that are copied verbatim from the training text, found exactly.

Two substrings of one length are equal when they have the same *name*, a small integer; and a
substring's name follows from the names of the two shorter ones, possibly overlapping, that begin
and end it (Karp, Miller and Rosenberg 1972). Only substrings of the measured texts are named; all
others of the training text share the name -1, so that the work soon shrinks to the copies.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Names = NDArray[np.int32]
Places = NDArray[np.uint32]

_CODE_POINTS = 0x110000
_PIECE = 1 << 20
_SLICE = 1 << 24


@dataclass(frozen=True)
class _Level:
    """The names of all substrings of one length, by the place of their first character.

    Attributes:
        length: The number of characters of the substrings.
        texts: Shape (characters of the measured texts,); -1 where the substring is not in the
            corpus, or would reach beyond its text.
        corpus: Shape (characters of the corpus,); -1 where the substring is in no text.
        places: The places where ``corpus`` is not -1, in order.
        count: An upper bound of all names, also of those that are no longer in use.
    """

    length: int
    texts: Names
    corpus: Names
    places: Places
    count: int


def longest_copies(texts: Sequence[str], corpus: Iterable[str]) -> NDArray[np.int64]:
    """For each text the length of its longest substring that occurs verbatim in the corpus.

    Takes a few seconds for every 10 million characters of corpus, and at most 400 MiB of memory
    plus 25 bytes for each character of the longest document.

    Args:
        texts: The texts to measure.
        corpus: The training text, one string for each document; nothing matches across documents.
            It is read once, document by document.

    Returns:
        Shape (len(texts),), in characters (code points).
    """
    longest = np.zeros(len(texts), np.int64)
    for documents in _slices(corpus):
        np.maximum(longest, _longest(texts, documents), out=longest)
    return longest


def copied_share(
    texts: Sequence[str],
    corpus: Iterable[str],
    lengths: Iterable[int] = (10, 20, 30, 50, 100),
) -> dict[int, float]:
    """The share of the texts' characters in copied substrings of a minimum length.

    Args:
        texts: The texts to measure.
        corpus: The training text, as for :func:`longest_copies`.
        lengths: Minimum lengths of a copy, each at least 1.

    Returns:
        For each length a share in [0, 1]; 0 if there are no characters.
    """
    size = len(_owners(texts))
    covered = {length: np.zeros(size, bool) for length in lengths}
    for documents in _slices(corpus):
        for level, _ in _doublings(texts, documents):
            for length, places in covered.items():
                if level.length <= length < 2 * level.length:
                    starts = _extend(level, length - level.length).texts >= 0
                    places |= _covered(starts, length)
    total = max(sum(map(len, texts)), 1)
    return {length: int(places.sum()) / total for length, places in covered.items()}


def _slices(corpus: Iterable[str]) -> Iterator[list[str]]:
    """The documents, about ``_SLICE`` characters at a time."""
    documents: list[str] = []
    size = 0
    for document in corpus:
        documents.append(document)
        size += len(document)
        if size >= _SLICE:
            yield documents
            documents, size = [], 0
    if documents:
        yield documents


def _longest(texts: Sequence[str], corpus: Sequence[str]) -> NDArray[np.int64]:
    owner = _owners(texts)
    longest = np.zeros(len(texts), np.int64)
    for level, doubled in _doublings(texts, corpus):
        longest[owner[level.texts >= 0]] = level.length
        longer = np.zeros(len(texts), bool)
        longer[owner[doubled.texts >= 0]] = True
        _refine(longest, _select(level, ~longer[owner]), owner)
    return longest


def _refine(longest: NDArray[np.int64], level: _Level, owner: NDArray[np.int64]) -> None:
    """Find the texts' lengths between ``level.length`` and twice that, by bisection."""
    step = level.length // 2
    # The texts whose longest copy has at least a length, by that length.
    ranges = {level.length: np.unique(owner[level.texts >= 0])}
    while step:
        halves = {}
        for length, members in ranges.items():
            if len(members):
                chosen = np.zeros(len(longest), bool)
                chosen[members] = True
                longer = _extend(_select(level, chosen[owner]), length + step - level.length)
                up = np.unique(owner[longer.texts >= 0])
                longest[up] = length + step
                halves[length + step], halves[length] = up, np.setdiff1d(members, up)
        ranges = halves
        step //= 2


def _doublings(texts: Sequence[str], corpus: Sequence[str]) -> Iterator[tuple[_Level, _Level]]:
    """The levels of 1, 2, 4, ... characters while there are copies, each with the next."""
    level = _characters(texts, corpus)
    while (level.texts >= 0).any():
        doubled = _extend(level, level.length)
        yield level, doubled
        level = doubled


def _characters(texts: Sequence[str], corpus: Sequence[str]) -> _Level:
    """The level of single characters."""
    alphabet = set().union(*texts)
    # A character that is in no text has no name, and so ends every match.
    separator = next(char for char in map(chr, itertools.count()) if char not in alphabet)
    table = np.full(_CODE_POINTS, -1, np.int32)
    table[sorted(map(ord, alphabet))] = np.arange(len(alphabet))
    names = table[_points(separator.join(corpus))]
    level = _Level(1, table[_points(separator.join(texts))], names, _places(names), len(alphabet))
    return _select(level, np.isin(level.texts, np.unique(names)))


def _extend(level: _Level, more: int) -> _Level:
    """The level of substrings ``more`` characters longer, with ``0 <= more <= level.length``."""
    starts, pairs = _pairs(level.texts, _places(level.texts), more, level.count)
    known, inverse = np.unique(pairs, return_inverse=True)
    corpus = np.full_like(level.corpus, -1)
    places: list[Places] = [level.places[:0]]
    occurs = np.zeros(len(known), bool)
    for start in range(0, len(level.places) if len(known) else 0, _PIECE):
        where, pairs = _pairs(level.corpus, level.places[start : start + _PIECE], more, level.count)
        names = np.searchsorted(known, pairs)
        same = known[np.minimum(names, len(known) - 1)] == pairs
        where, names = where[same], names[same]
        corpus[where] = names
        occurs[names] = True
        places.append(where)
    texts = np.full_like(level.texts, -1)
    texts[starts] = np.where(occurs[inverse], inverse, -1)
    return _Level(level.length + more, texts, corpus, np.concatenate(places), len(known))


def _pairs(names: Names, where: Places, apart: int, count: int) -> tuple[Places, NDArray[np.int64]]:
    """The places with another name ``apart`` characters later, and both names as one number."""
    where = where[: np.searchsorted(where, len(names) - apart)]
    second = names[where + apart]
    both = second >= 0
    where = where[both]
    return where, names[where].astype(np.int64) * count + second[both]


def _places(names: Names) -> Places:
    return np.flatnonzero(names >= 0).astype(np.uint32)


def _select(level: _Level, mask: NDArray[np.bool_]) -> _Level:
    """The level with the texts' names at some places only."""
    texts = np.where(mask, level.texts, np.int32(-1))
    return _Level(level.length, texts, level.corpus, level.places, level.count)


def _points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def _owners(texts: Sequence[str]) -> NDArray[np.int64]:
    """The text of each character of the joined texts; a separator belongs to the one before."""
    sizes = np.array([len(text) + 1 for text in texts], np.int64)
    return np.repeat(np.arange(len(texts)), sizes)[:-1]


def _covered(starts: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """The places inside intervals of one length that start where ``starts`` is true."""
    edges = np.zeros(len(starts) + length, np.int64)
    edges[: len(starts)] += starts
    edges[length:] -= starts
    within: NDArray[np.bool_] = edges.cumsum()[: len(starts)] > 0
    return within
