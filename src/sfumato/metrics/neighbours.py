"""The nearest neighbours of queries among items: by images, features or waveforms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CHUNK = 1024
_ENTRIES = 1 << 21
_STEP = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Neighbours:
    """The nearest item of each query.

    Attributes:
        indices: Shape (Q,), int64; the first of equally near items.
        distances: Shape (Q,), float64.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest(queries: Tensor, items: NDArray[np.uint8]) -> Neighbours:
    """The nearest item of each query, by root-mean-square difference per element.

    Args:
        queries: uint8, shape (Q, ...).
        items: uint8, shape (N, ...) with the same trailing shape and N >= 1; it may be
            memory-mapped and is read in pieces.

    Returns:
        Distances in levels of 0..255.

    Raises:
        ValueError: There are no items.
    """
    if not len(items):
        raise ValueError("there are no items to be near to")
    flat = queries.flatten(1)
    best = np.full(len(flat), np.inf)
    where = np.zeros(len(flat), np.int64)
    for low in range(0, len(items), _CHUNK):
        # A copy, because torch warns about read-only arrays.
        part = torch.from_numpy(items[low : low + _CHUNK].copy())
        near = nearest_features(flat, part.flatten(1))
        better = near.distances < best
        best = np.where(better, near.distances, best)
        where = np.where(better, near.indices + low, where)
    return Neighbours(where, best / flat.shape[1] ** 0.5)


def nearest_features(queries: Tensor, items: Tensor) -> Neighbours:
    """The nearest item of each query, by Euclidean distance.

    Exact: matrix products select the items that may be nearest, and the distances to those are
    computed from differences element by element, so that a near copy has its true small distance.
    2,000 queries among 5,000 items with 512 elements take about a second on one core.

    Args:
        queries: Shape (Q, d), finite.
        items: Shape (N, d), N >= 1, finite.

    Returns:
        Distances in units of the features.

    Raises:
        ValueError: There are no items.
    """
    where = torch.zeros(len(queries), dtype=torch.int64)
    best = torch.zeros(len(queries), dtype=torch.float64)
    for piece, rough, slack in _rough_squares(queries, items):
        rows, columns = (rough <= (rough.amin(1) + slack)[:, None]).nonzero(as_tuple=True)
        exact = _squares(queries[piece], items, rows, columns)
        near = torch.full_like(slack, torch.inf).scatter_reduce(0, rows, exact, "amin")
        hit = exact == near[rows]
        first = torch.full((len(slack),), len(items))
        where[piece] = first.scatter_reduce(0, rows[hit], columns[hit], "amin")
        best[piece] = near.sqrt()
    return Neighbours(where.numpy(), best.numpy())


def surroundings(queries: Tensor, items: Tensor, count: int) -> NDArray[np.float64]:
    """The mean Euclidean distance of each query to its nearest items.

    Args:
        queries: Shape (Q, d), finite.
        items: Shape (N, d), N >= 1, finite.
        count: The number of nearest items, at least one; all items if there are fewer.

    Returns:
        Shape (Q,), in units of the features, to about 1e-7 of their spread.

    Raises:
        ValueError: There are no items.
    """
    mean = torch.zeros(len(queries), dtype=torch.float64)
    for piece, rough, _ in _rough_squares(queries, items):
        nearest = rough.topk(min(count, len(items)), dim=1, largest=False, sorted=False).values
        mean[piece] = nearest.clamp_min(0).sqrt().mean(1)
    return mean.numpy()


def _rough_squares(queries: Tensor, items: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Squared distances by matrix products, which suffer from cancellation for near copies.

    Yields:
        A slice of the queries; their squared distances to all items, shape (q, N); and a bound of
        the error of the difference of two entries in a row, shape (q,).
    """
    if not len(items):
        raise ValueError("there are no items to be near to")
    ours = items.double()
    centre = ours.mean(0)
    ours = ours - centre
    squares = ours.square().sum(1)
    step = max(_ENTRIES // len(items), 1)
    for low in range(0, len(queries), step):
        piece = slice(low, low + step)
        theirs = queries[piece].double() - centre
        square = theirs.square().sum(1)
        rough = torch.addmm(square[:, None] + squares, theirs, ours.T, alpha=-2)
        yield piece, rough, 8 * _STEP * (theirs.shape[1] + 8) * (square + squares.max())


def _squares(queries: Tensor, items: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances of pairs, a piece at a time: there are many if items are equal."""
    size = max(_ENTRIES // max(queries.shape[1], 1), 1)
    pairs = zip(torch.split(rows, size), torch.split(columns, size), strict=True)
    parts = [
        (queries[row].double() - items[column].double()).square().sum(1) for row, column in pairs
    ]
    return torch.cat(parts)


# The number of entries of a block of waveforms or distances.
_BLOCK = 1 << 21
_SHIFT = 0.1


@dataclass(frozen=True)
class AudioNeighbours:
    """The item with the most similar waveform for each query.

    Attributes:
        indices: Shape (Q,), int64; the first of equally similar items.
        similarities: Shape (Q,), float32, in [0, 1]: 1 means the same waveform up to gain, sign
            and a shift in time; 0 means nothing in common, as with silence.
    """

    indices: NDArray[np.int64]
    similarities: NDArray[np.float32]


def nearest_audio(
    queries: Tensor, items: NDArray[np.int16], rate: int, shift: float = _SHIFT
) -> AudioNeighbours:
    """The item with the most similar waveform, for each query.

    The similarity is the largest absolute cross-correlation over shifts, divided by the product of
    the norms. Channels are shifted together and have to be in the same order. Samples that are more
    similar to the training clips than held-out real clips are have been copied.

    Takes about 0.25 ms for every pair of clips with 16,000 samples, and 100 MiB at most.

    Args:
        queries: Shape (Q, C, N), floats in any unit.
        items: Shape (M, C, N), M >= 1; it may be memory-mapped and is read in pieces.
        rate: Samples per second.
        shift: The largest shift of an item, early or late, in seconds.

    Raises:
        ValueError: There are no items, or they have another shape than the queries.
    """
    if not len(items):
        raise ValueError("there are no items to be near to")
    if queries.shape[1:] != items.shape[1:]:
        raise ValueError(f"the shapes differ: {tuple(queries.shape[1:])}, {items.shape[1:]}")
    _, channels, samples = queries.shape
    lags = min(round(shift * rate), samples - 1)
    # Long enough that the circular correlation does not wrap around at the lags in use.
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
    return AudioNeighbours(where.numpy(), best.clamp(0, 1).numpy())


def _spectra(clips: Tensor, size: int) -> Tensor:
    """Spectra of clips of norm 1 (0 for silence): (B, C, N) to (B, C, size // 2 + 1)."""
    norms = torch.linalg.vector_norm(clips.flatten(1), dim=1).clamp_min(
        torch.finfo(torch.float32).tiny
    )
    spectra: Tensor = torch.fft.rfft(clips / norms[:, None, None], n=size)
    return spectra


def _fast_length(least: int) -> int:
    """An even length of at least ``least`` that has only small prime factors."""
    lengths = []
    for odd in (1, 3, 5, 9, 15):
        length = 2 * odd
        while length < least:
            length *= 2
        lengths.append(length)
    return min(lengths)
