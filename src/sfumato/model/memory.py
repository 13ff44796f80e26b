"""The default number of samples that are made at a time."""

from __future__ import annotations

MOST_TILES = 4
"""Largest number of tiles in a batch: more are not faster, and delay the first samples."""
FEWER_AT_ONCE = "Close other programs, use a smaller --batch, or use a smaller model."
_SHARE = 4  # One quarter of the free memory is used.
_STATES = 32
"""Memory of a sampler in states: its history, their posterior means, noise, the new state, the
displayed state, and copies."""
_BELIEFS = 6
"""Memory of a sampler of text in float64 tables of (tokens, vocabulary)."""


def rows_at_once(tile: int, row: int, free: int | None) -> int:
    """A batch size that fits into memory, as a multiple of the tile.

    The network only ever sees one tile, so only the state of the sampler grows with the batch. The
    batch is as many tiles as a quarter of the free memory holds, at least one and at most
    :data:`MOST_TILES`.

    Args:
        tile: Rows per network evaluation.
        row: Bytes that the sampler holds for one sample.
        free: Free bytes; None if unknown, which gives one tile.
    """
    fits = 1 if free is None else free // (_SHARE * row * tile)
    return tile * max(1, min(MOST_TILES, fits))


def bytes_of_signal(numbers: int) -> int:
    """Bytes that the sampler holds for an image or audio clip of ``numbers`` values."""
    return _STATES * 4 * numbers


def bytes_of_text(tokens: int, vocabulary: int) -> int:
    """Bytes that the sampler holds for a text of ``tokens`` tokens out of a vocabulary."""
    return _BELIEFS * 8 * tokens * vocabulary
