"""Extractors of texts: a trained sentence embedding, and hashed counts of character n-grams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from sfumato.metrics.extractor import identity_of
from sfumato.minilm import MOST_TOKENS, WIDTH, MiniLM

_BATCH = 32

_LONGEST_NGRAM = 4
# For each length; short n-grams are few and common, long ones many and rare.
_ENTRIES = 256
# The multipliers and the increment of SplitMix64 (Steele, Lea and Flood 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

_UInt64 = NDArray[np.uint64]


class SentenceEmbedding:
    """A unit vector of 384 numbers that represents the topic and meaning of a text.

    The normalised mean of the states of MiniLM (:mod:`sfumato.minilm`) over the tokens of a text;
    zeros if there are none. Only the first 256 tokens count, some 200 words. The network was
    trained on English sentences: it says little about other strings, such as molecules.

    Args:
        folder: See :class:`~sfumato.minilm.MiniLM`.

    Raises:
        DataError: A file is missing.
        DamagedFile: The files do not hold this network.
        MissingExtra: The package ``tokenizers`` is not installed.
    """

    name = "sentence-embedding"
    dimension = WIDTH

    def __init__(self, folder: Path) -> None:
        self._encoder = MiniLM(folder)

    @cached_property
    def identity(self) -> str:
        """See :class:`~sfumato.metrics.extractor.Extractor`."""
        name = f"{self.name} 1 {MOST_TOKENS} {self._encoder.digest}"
        return identity_of(name, self._encoder.tensors)

    def __call__(self, items: Sequence[str]) -> Tensor:
        """Turn texts into vectors; but for rounding, each depends on its own text only.

        Returns:
            float32, shape (B, 384).
        """
        vectors = torch.zeros(len(items), self.dimension)
        # Texts of similar length go together, so that there is little padding.
        order = sorted(range(len(items)), key=lambda place: len(items[place]))
        for low in range(0, len(order), _BATCH):
            places = order[low : low + _BATCH]
            states, mask = self._encoder.encoded([items[place] for place in places])
            vectors[places] = normalize((states * mask[..., None].float()).sum(1))
        return vectors


class NgramFeatures:
    """Counts of n-grams of one to four characters, hashed into 256 entries for each n.

    The entries for an n are the square roots of the shares that its n-grams have in the text, up to
    collisions, which have a random sign so that they cancel on average (feature hashing:
    Weinberger et al. 2009, arXiv:0902.2206). The part for each n has norm 1 and so the vector has
    norm 2: the distance of two texts is 0 if they have the same n-grams equally often, and does
    not grow with their length. The vector of an empty text is zero.
    """

    name = "n-grams"
    identity = identity_of(f"n-grams 1 {_LONGEST_NGRAM} {_ENTRIES}", {})
    dimension = _LONGEST_NGRAM * _ENTRIES

    def __call__(self, items: Sequence[str]) -> Tensor:
        """Turn texts into vectors; each vector depends on its own text only.

        Returns:
            float32, shape (B, 1024).
        """
        vectors = np.zeros((len(items), self.dimension), np.float32)
        for row, text in zip(vectors, items, strict=True):
            for index, hashes in enumerate(_ngram_hashes(text)):
                row[index * _ENTRIES : (index + 1) * _ENTRIES] = _entries(hashes)
        return torch.from_numpy(vectors)


def _ngram_hashes(text: str) -> Iterator[_UInt64]:
    """The hashes of all n-grams of the text, for n = 1, 2, 3, 4."""
    points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    code = _mix(points.astype(np.uint64))
    hashes = np.zeros(len(code), np.uint64)
    for offset in range(_LONGEST_NGRAM):
        count = max(len(code) - offset, 0)
        hashes = _mix(hashes[:count] * _STEP + code[offset : offset + count])
        yield hashes


def _mix(x: _UInt64) -> _UInt64:
    """A bijection of 64 bits in which every output bit depends on every input bit."""
    with np.errstate(over="ignore"):
        x = (x + _STEP).astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def _entries(hashes: _UInt64) -> NDArray[np.float32]:
    """The signed square roots of the shares, summed into entries, of norm 1; zeros if empty."""
    if not len(hashes):
        return np.zeros(_ENTRIES, np.float32)
    kinds, counts = np.unique(hashes, return_counts=True)
    places = (kinds % np.uint64(_ENTRIES)).astype(np.int64)
    signs = np.where(kinds >> np.uint64(63), -1.0, 1.0)
    weights = signs * np.sqrt(counts / len(hashes))
    entries = np.bincount(places, weights, minlength=_ENTRIES)
    norm = np.linalg.norm(entries)
    return np.asarray(entries / norm if norm > 0 else entries, np.float32)
