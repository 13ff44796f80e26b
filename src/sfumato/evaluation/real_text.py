"""Real text to compare generated text with: held-out texts of the same lengths, and the corpus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.media.text.library import Library
from sfumato.media.text.rows import RowBatch

_PIECE = 1 << 22


def pieces_of(rows: RowBatch) -> list[NDArray[np.int64]]:
    """The texts in some rows, each as its tokens."""
    return [
        tokens[segments == number]
        for tokens, segments in zip(rows.tokens, rows.segments, strict=True)
        for number in range(segments.max() + 1)
    ]


def matched(pieces: Sequence[NDArray[np.int64]], wanted: Sequence[int]) -> list[NDArray[np.int64]]:
    """For each wanted length a piece of its own, cut to that length.

    The longest are served first, each with the shortest piece that is long enough, or with the
    longest left.

    Args:
        pieces: At least as many as are wanted.
        wanted: Lengths in tokens.

    Returns:
        Shape of ``wanted``.
    """
    left = sorted(pieces, key=len)
    sizes = [len(piece) for piece in left]
    found: dict[int, NDArray[np.int64]] = {}
    for place in sorted(range(len(wanted)), key=lambda place: -wanted[place]):
        at = min(bisect_left(sizes, wanted[place]), len(left) - 1)
        found[place] = left.pop(at)[: wanted[place]]
        del sizes[at]
    return [found[place] for place in range(len(wanted))]


def corpus(library: Library, overlap: int) -> Iterator[str]:
    """All training text, document by document.

    Args:
        library: The documents.
        overlap: Characters; long documents come in pieces that have at least so many in common, so
            that nothing as short as that is ever cut in two.
    """
    training, _ = library.split()
    # A character has four tokens at most.
    common = 4 * overlap
    for number in training.tolist():
        tokens: NDArray[Any] = library.document(number)
        for begin in range(0, max(len(tokens) - common, 1), _PIECE):
            yield library.tokenizer.decode(tokens[begin : begin + _PIECE + common])
