"""How many samples are made at a time, where nobody says."""

from __future__ import annotations

MOST_TILES = 4
"""More of them make nothing faster, and keep whoever waits for the first samples waiting."""
FEWER_AT_ONCE = "Close other programs, give --batch a smaller number, or use a smaller model."
_SHARE = 4  # Of the free memory one part of so many is taken.
_STATES = 32
"""A sampler's own memory in states: those of its history, their posterior means, noise, what is
new, what is shown, and the copies between."""
_BELIEFS = 6
"""The same of text in tables of float64: logits, tempered, probabilities, a draw from them."""


def rows_at_once(tile: int, row: int, free: int | None) -> int:
    """A batch that fits into memory: a multiple of the tile, which alone decides the network's.

    The network only ever sees a tile, so its activations do not grow with the batch; what does is
    the state of the sampler. The batch is as many tiles as a quarter of the free memory holds, at
    least one and at most :data:`MOST_TILES`.

    Args:
        tile: Rows per network evaluation.
        row: Bytes that the sampler holds for one sample.
        free: Bytes at hand; None if unknown, which is taken for room for one tile.
    """
    fits = 1 if free is None else free // (_SHARE * row * tile)
    return tile * max(1, min(MOST_TILES, fits))


def bytes_of_signal(numbers: int) -> int:
    """What the sampler holds for a picture or sound of so many numbers."""
    return _STATES * 4 * numbers


def bytes_of_text(tokens: int, vocabulary: int) -> int:
    """What the sampler holds for a text of so many tokens out of a vocabulary."""
    return _BELIEFS * 8 * tokens * vocabulary
