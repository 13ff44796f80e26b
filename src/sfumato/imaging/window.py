"""Windows of a picture around the part of it that is made anew.

Places are counted from the upper left corner of the picture, rows before columns; a window may
reach beyond the picture, where places are negative or not below its sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]
"""First place along an axis, and the one after the last."""

Region = tuple[Span, Span]
"""The rows and the columns of a rectangle."""


def bounds(marked: NDArray[np.bool_]) -> Region:
    """The smallest rectangle that holds all marked pixels, shape (H, W), if there are any."""
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def around(inner: Region, sides: tuple[int, int], least: tuple[int, int]) -> Region:
    """A window that holds a rectangle with some of what surrounds it.

    Along each axis it has the least side if the rectangle fits into it with an eighth of that on
    both sides. Otherwise the rectangle is surrounded by half of the least side, so that a window of
    the least side that is centred on its edge lies within.

    Args:
        inner: The rectangle, within the picture.
        sides: Height and width of the picture, which the window does not leave.
        least: Height and width that the window has at least; at most ``sides``.
    """
    rows, columns = (
        _span(first, last, side, low)
        for (first, last), side, low in zip(inner, sides, least, strict=True)
    )
    return rows, columns


def _span(first: int, last: int, side: int, least: int) -> Span:
    context = max(1, least // 8)
    start, end = max(0, first - context), min(side, last + context)
    if end - start > least:
        return max(0, first - max(1, least // 2)), min(side, last + max(1, least // 2))
    start = min(max((first + last - least) // 2, 0), side - least)
    return start, start + least


def sides_of(region: Region) -> tuple[int, int]:
    """Height and width of a rectangle."""
    (top, bottom), (left, right) = region
    return bottom - top, right - left


def union(region: Region, sides: tuple[int, int]) -> Region:
    """The smallest rectangle that holds a picture and a window of it."""
    rows, columns = (
        (min(0, first), max(side, last)) for (first, last), side in zip(region, sides, strict=True)
    )
    return rows, columns


def cut(pixels: NDArray[Any], region: Region) -> NDArray[Any]:
    """The pixels of a window; beyond the picture those of its edge are repeated.

    Args:
        pixels: Shape (..., H, W).
        region: The window.
    """
    rows, columns = (
        np.arange(first, last).clip(0, side - 1)
        for (first, last), side in zip(region, pixels.shape[-2:], strict=True)
    )
    found: NDArray[Any] = pixels[..., rows[:, None], columns]
    return found
