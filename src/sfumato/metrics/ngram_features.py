"""Texts as vectors without a trained model: how often runs of characters occur in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.metrics.identity import identity_of

_VERSION = 1
_LONGEST = 4
# Of each length its own entries: short runs are few and common, long ones many and rare.
_ENTRIES = 256
# The multipliers and the increment of SplitMix64 (Steele, Lea and Flood 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

_UInt64 = NDArray[np.uint64]


class NgramFeatures:
    """Counts of runs of one to four characters, hashed into 256 entries for each length.

    The entries of a length are the square roots of the shares that its runs have in the text, up to
    collisions, which have a random sign so that they cancel on average (feature hashing:
    Weinberger et al. 2009, arXiv:0902.2206). Each length has length 1 and so has the whole a
    length of 2: the distance of two texts is 0 if they have the same runs equally often, and
    does not grow with how long they are. An empty text is at zero.
    """

    name = "n-grams"
    identity = identity_of(f"n-grams {_VERSION} {_LONGEST} {_ENTRIES}", {})
    dimension = _LONGEST * _ENTRIES

    def __call__(self, items: Sequence[str]) -> Tensor:
        """Turn texts into vectors, each for itself.

        Returns:
            float32, shape (B, 1024).
        """
        found = np.zeros((len(items), self.dimension), np.float32)
        for row, text in zip(found, items, strict=True):
            for length, runs in enumerate(_runs(text)):
                row[length * _ENTRIES : (length + 1) * _ENTRIES] = _entries(runs)
        return torch.from_numpy(found)


def _runs(text: str) -> Iterator[_UInt64]:
    """A hash of every run of the text, for each length in turn."""
    points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    code = _mixed(points.astype(np.uint64))
    so_far = np.zeros(len(code), np.uint64)
    for length in range(_LONGEST):
        count = max(len(code) - length, 0)
        so_far = _mixed(so_far[:count] * _STEP + code[length : length + count])
        yield so_far


def _mixed(x: _UInt64) -> _UInt64:
    """A bijection of 64 bits after which every bit depends on every one before."""
    with np.errstate(over="ignore"):
        x = (x + _STEP).astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def _entries(runs: _UInt64) -> NDArray[np.float32]:
    """The square roots of shares, summed with signs into entries, of length 1; zeros of nothing."""
    if not len(runs):
        return np.zeros(_ENTRIES, np.float32)
    kinds, counts = np.unique(runs, return_counts=True)
    places = (kinds % np.uint64(_ENTRIES)).astype(np.int64)
    signs = np.where(kinds >> np.uint64(63), -1.0, 1.0)
    weights = signs * np.sqrt(counts / len(runs))
    entries = np.bincount(places, weights, minlength=_ENTRIES)
    norm = np.linalg.norm(entries)
    return np.asarray(entries / norm if norm > 0 else entries, np.float32)
