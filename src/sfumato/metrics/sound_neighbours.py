"""The nearest neighbours of sounds: the same waveform, or a like one.

Run on samples and on held-out real clips alike: samples that are nearer to the training clips than
real clips are have been copied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Numbers in a block of waveforms or distances.
_BLOCK = 1 << 21
_SHIFT = 0.1


@dataclass(frozen=True)
class SoundNeighbours:
    """For each query the item with the likest waveform.

    Attributes:
        indices: Shape (Q,), int64; of equally near items the first.
        similarities: Shape (Q,), float32, in [0, 1]: 1 is the same waveform but for its gain, its
            sign and a shift in time; 0 is nothing in common, as with silence.
    """

    indices: NDArray[np.int64]
    similarities: NDArray[np.float32]


def nearest_sounds(
    queries: Tensor, items: NDArray[np.int16], rate: int, shift: float = _SHIFT
) -> SoundNeighbours:
    """The item with the likest waveform, for each query.

    The similarity is the largest absolute cross-correlation over shifts of one against the other,
    over the product of their norms. Channels are shifted together and have to be in one order.
    Takes about 0.25 ms for every pair of clips with 16,000 samples, and 100 MiB at most.

    Args:
        queries: Shape (Q, C, N), floats in any unit.
        items: Shape (M, C, N), M >= 1; it may be memory-mapped and is read in pieces.
        rate: Samples per second.
        shift: By how many seconds an item may be early or late.

    Raises:
        ValueError: There are no items, or they have another shape than the queries.
    """
    if not len(items):
        raise ValueError("there are no items to be near to")
    if queries.shape[1:] != items.shape[1:]:
        raise ValueError(f"the shapes differ: {tuple(queries.shape[1:])}, {items.shape[1:]}")
    _, channels, samples = queries.shape
    lags = min(round(shift * rate), samples - 1)
    # Long enough that what wraps around lands on no lag that counts.
    size = _fast_length(samples + lags)
    step = max(_BLOCK // (channels * size), 1)
    best = torch.full((len(queries),), -1.0)
    where = torch.zeros(len(queries), dtype=torch.int64)
    for low in range(0, len(items), step):
        part = _spectra(torch.from_numpy(items[low : low + step].astype(np.float32)), size)
        for query in range(len(queries)):
            mine = _spectra(queries[query : query + 1].float(), size)
            both = torch.fft.irfft((part * mine.conj()).sum(1), n=size).abs()
            likeness = both[:, : lags + 1].amax(1)
            if lags:
                likeness = torch.maximum(likeness, both[:, -lags:].amax(1))
            value, index = likeness.max(0)
            if value > best[query]:
                best[query], where[query] = value, index + low
    return SoundNeighbours(where.numpy(), best.clamp(0, 1).numpy())


def _spectra(clips: Tensor, size: int) -> Tensor:
    """Of clips scaled to norm 1, silence aside: shape (B, C, N) to (B, C, size // 2 + 1)."""
    norms = torch.linalg.vector_norm(clips.flatten(1), dim=1).clamp_min(
        torch.finfo(torch.float32).tiny
    )
    spectra: Tensor = torch.fft.rfft(clips / norms[:, None, None], n=size)
    return spectra


def _fast_length(least: int) -> int:
    """The smallest even length from ``least`` on with only small factors."""
    lengths = []
    for odd in (1, 3, 5, 9, 15):
        length = 2 * odd
        while length < least:
            length *= 2
        lengths.append(length)
    return min(lengths)
