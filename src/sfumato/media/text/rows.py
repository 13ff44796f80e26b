"""Documents as rows of a fixed number of tokens.

A long document is cut into windows, each shifted by itself and anew in every epoch. Short documents
are packed, several to a row, each as a segment of its own; all documents of a row have the same
label. Rows are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.data.split import batch_indices
from sfumato.media.text.library import Library

# As in data/split.py, the top word of the counter separates these numbers from all others.
_PACKING, _SHIFTS = 0x5F0D_7E87, 0x5F0D_7E88
_WORD = (1 << 64) - 1
_PACKED = -1
# The epoch of the windows that are measured on, which no training reaches.
_MEASURED = -1


@dataclass(frozen=True)
class RowBatch:
    """B rows of L tokens.

    Attributes:
        tokens: int64 (B, L); 0 where a row is padded.
        segments: int64 (B, L): number of the document in the row, from 0; -1 is padding.
        labels: int64 (B,), -1 for a row without a label; or ``None`` without labels.
    """

    tokens: NDArray[np.int64]
    segments: NDArray[np.int64]
    labels: NDArray[np.int64] | None


class Rows:
    """The rows of some documents.

    A document of n > L tokens has w = ceil(n / L) rows. In an epoch its window k begins at
    k L - e / 2 + d, where e = w L - n is the surplus of the windows, clipped to the document. The
    shift d is drawn from [-L / 2, L / 2) for every window of every epoch: so no place is always at
    a border, a token away from the ends is in one window of an epoch on average, and the place of a
    token in its row says nothing about its place in the document. With one shift for all windows it
    would, in texts with a period that divides L.

    Args:
        library: The documents.
        indices: Numbers of the documents to use, without repetition.
        context: L, the number of tokens in a row.
        seed: Seed of the packing and of the shifts.
    """

    def __init__(self, library: Library, indices: ArrayLike, context: int, seed: int) -> None:
        self._library = library
        self._context = context
        self._seed = seed & _WORD
        self._begins = library.offsets[:-1]
        self._sizes = library.lengths
        chosen = np.asarray(indices, dtype=np.int64)
        short = self._sizes[chosen] <= context
        packed, ends = self._pack(chosen[short])
        long = chosen[~short]
        counts = -(-self._sizes[long] // context)
        # Row r holds the documents members[first[r]:first[r + 1]]: one, if it is a window.
        self._members = np.concatenate([packed, np.repeat(long, counts)])
        windows = np.arange(counts.sum(), dtype=np.int64)
        self._first = np.concatenate([[0], ends, len(packed) + 1 + windows])
        number = windows - np.repeat(np.cumsum(counts) - counts, counts)
        self._window = np.concatenate([np.full(len(ends), _PACKED), number])

    def __len__(self) -> int:
        return len(self._window)

    @property
    def context(self) -> int:
        """L, the number of tokens in a row."""
        return self._context

    def batch(self, rows: ArrayLike, epochs: ArrayLike) -> RowBatch:
        """Some rows.

        Args:
            rows: Shape (B,), each in [0, len(self)).
            epochs: The epoch of each row, or one for all; it determines where windows begin.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        when = np.broadcast_to(np.asarray(epochs, dtype=np.int64), chosen.shape)
        counts = self._first[chosen + 1] - self._first[chosen]
        row = np.repeat(np.arange(len(chosen)), counts)
        segment = _within(counts)
        member = self._members[self._first[chosen][row] + segment]
        window = self._window[chosen]
        begin, size = self._begins[member], self._sizes[member].copy()
        for place in np.flatnonzero(window[row] != _PACKED):
            of = row[place]
            begin[place] += self._start(int(member[place]), int(window[of]), int(when[of]))
            size[place] = self._context
        return self._copy(len(chosen), row, segment, member, begin, size)

    def training_batch(self, step: int, batch: int, seed: int) -> RowBatch:
        """The rows of one step of training: a pure function of (seed, step)."""
        rows = batch_indices(len(self), batch, step, seed)
        position = step * batch + np.arange(batch, dtype=np.int64)
        return self.batch(rows, position // len(self))

    def names(self, step: int, batch: int, seed: int, places: Sequence[int]) -> list[str]:
        """Names of the documents in some rows of the batch of a step."""
        rows = batch_indices(len(self), batch, step, seed)[list(places)]
        members = [self._members[self._first[row] : self._first[row + 1]] for row in rows]
        return [self._library.names[int(member)] for found in members for member in found]

    def fixed(self, count: int) -> RowBatch:
        """A fixed choice of up to ``count`` rows, evenly spaced, to measure on."""
        count = min(count, len(self))
        return self.batch((np.arange(count) * len(self)) // max(count, 1), _MEASURED)

    def lengths(self) -> NDArray[np.int64]:
        """Number of segments of every length, shape (L + 1,)."""
        sizes = np.minimum(self._sizes[self._members], self._context)
        return np.bincount(sizes, minlength=self._context + 1)

    def _pack(self, documents: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pack by next-fit in a shuffled order, label by label; returns members, ends of rows."""
        words = _words(self._seed, 0, 0, _PACKING, len(documents))
        order = documents[np.argsort(words, kind="stable")]
        labels = self._library.labels
        if labels is not None:
            order = order[np.argsort(labels[order], kind="stable")]
        label_of = [0] * len(order) if labels is None else labels[order].tolist()
        ends = _next_fit(self._sizes[order].tolist(), label_of, self._context)
        return order, np.array(ends, dtype=np.int64)

    def _start(self, document: int, window: int, epoch: int) -> int:
        """Where a window begins in its document."""
        word = int(_words(self._seed, epoch & _WORD, document, _SHIFTS, 1, window)[0])
        shift = word % self._context - self._context // 2
        return _begin(int(self._sizes[document]), self._context, window, shift)

    def _copy(
        self,
        rows: int,
        row: NDArray[np.int64],
        segment: NDArray[np.int64],
        member: NDArray[np.int64],
        begin: NDArray[np.int64],
        size: NDArray[np.int64],
    ) -> RowBatch:
        """Copy the ranges ``begin`` .. ``begin + size`` of the library to their rows."""
        before = np.cumsum(size) - size
        per_row = np.bincount(row, weights=size, minlength=rows).astype(np.int64)
        column = before - (np.cumsum(per_row) - per_row)[row]
        within = _within(size)
        self._library.require_intact(begin, size)
        target = np.repeat(row * self._context + column, size) + within
        tokens = np.zeros(rows * self._context, dtype=np.int64)
        segments = np.full(rows * self._context, -1, dtype=np.int64)
        tokens[target] = self._library.tokens[np.repeat(begin, size) + within]
        segments[target] = np.repeat(segment, size)
        shape = (rows, self._context)
        labels = self._library.labels
        of_rows = None if labels is None else labels[member[segment == 0]]
        return RowBatch(tokens.reshape(shape), segments.reshape(shape), of_rows)


def rows_of(tokens: NDArray[np.int64], context: int, most: int) -> RowBatch:
    """The rows of a single document without a label, as in epoch 0 and without packing.

    Args:
        tokens: The tokens of the document, shape (n,), n >= 1.
        context: L, the number of tokens in a row.
        most: Largest number of rows, which are evenly spaced through a longer document.
    """
    size = len(tokens)
    if size <= context:
        behind = (0, context - size)
        segments = np.pad(np.zeros(size, np.int64), behind, constant_values=-1)
        return RowBatch(np.pad(tokens, behind)[None], segments[None], None)
    windows = -(-size // context)
    chosen = np.arange(min(windows, most)) * windows // min(windows, most)
    begins = [_begin(size, context, window) for window in chosen.tolist()]
    rows = np.stack([tokens[begin : begin + context] for begin in begins])
    return RowBatch(rows, np.zeros_like(rows), None)


def _begin(size: int, context: int, window: int, shift: int = 0) -> int:
    """Where a window begins in a document of some size, see :class:`Rows`."""
    spare = -size % context
    return min(max(window * context - spare // 2 + shift, 0), size - context)


def _within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The concatenation of 0 .. counts[0] - 1, 0 .. counts[1] - 1, and so on."""
    first = np.cumsum(counts) - counts
    return np.arange(counts.sum(), dtype=np.int64) - np.repeat(first, counts)


def _next_fit(sizes: Sequence[int], labels: Sequence[int], room: int) -> list[int]:
    """The ends of rows if each row takes documents while they fit and have its label."""
    ends = []
    used, label = 0, labels[0] if labels else 0
    for place, (size, own) in enumerate(zip(sizes, labels, strict=True)):
        if used + size > room or own != label:
            ends.append(place)
            used, label = 0, own
        used += size
    return [*ends, len(sizes)] if sizes else []


def _words(
    seed: int, epoch: int, index: int, stream: int, count: int, part: int = 0
) -> NDArray[np.uint64]:
    """Raw random words of a (seed, epoch, index, part, stream)."""
    key = np.array([seed, epoch], dtype=np.uint64)
    counter = np.array([0, part, index, stream], dtype=np.uint64)
    return np.random.Philox(key=key, counter=counter).random_raw(count)
