"""Seams: how visible the edge of the part of a picture is that was made anew.

Two neighbouring pixels on both sides of the edge differ about as much as neighbours elsewhere if
the new part goes on as the picture around it does. A seam makes them differ more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def seam_ratio(
    images: NDArray[np.floating] | NDArray[np.integer], made: NDArray[np.bool_], reach: int = 8
) -> NDArray[np.float64]:
    """The mean absolute difference across the edge, relative to that of what is known nearby.

    Differences of neighbours in a row and in a column are compared with their own kind, weighted by
    how many of them cross the edge. Without a seam the ratio is about 1 where a picture is alike
    everywhere. Where it is not, as with an edge through its subject, the ratio of real pictures
    with the same edge is what to compare with.

    Args:
        images: Shape (B, H, W, C), in any units.
        made: Which pixels were made anew, shape (H, W).
        reach: Neighbours that are both known are compared if both are within so many pixels of the
            new part, along rows and columns.

    Returns:
        Shape (B,): 1 if nothing differs anywhere, infinite if only the pixels across the edge do.

    Raises:
        ValueError: The shapes do not fit, or there is no edge, or nothing is known beside it.
    """
    if images.ndim != 4 or images.shape[1:3] != made.shape:
        raise ValueError(f"images {images.shape} and a mask {made.shape} do not fit")
    near = ~made & _grown(made, reach)
    across, nearby = np.zeros(len(images)), np.zeros(len(images))
    for first, second in _neighbours():
        differs = np.abs(images[:, *first].astype(np.float64) - images[:, *second]).mean(-1)
        crosses = made[first] != made[second]
        known = near[first] & near[second]
        if not crosses.any():
            continue
        if not known.any():
            raise ValueError("there are no known neighbours near the new part")
        across += differs[:, crosses].sum(1)
        nearby += differs[:, known].mean(1) * crosses.sum()
    if not made.any() or made.all():
        raise ValueError("the new part has no edge")
    both_flat = (across == 0) & (nearby == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: NDArray[np.float64] = np.where(both_flat, 1.0, across / nearby)
    return ratio


def _neighbours() -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """The first and the second of all neighbours in a column, then in a row."""
    everything, before, after = slice(None), slice(None, -1), slice(1, None)
    yield (before, everything), (after, everything)
    yield (everything, before), (everything, after)


def _grown(marked: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Pixels at most ``reach`` rows and columns away from a marked one."""
    grown = marked
    for axis, side in enumerate(marked.shape):
        # Whether a sum over a window is positive, from cumulative sums.
        sums = np.cumsum(grown.astype(np.int64), axis=axis)
        sums = np.concatenate([np.zeros_like(sums.take([0], axis)), sums], axis=axis)
        places = np.arange(side)
        high = sums.take(np.minimum(places + reach + 1, side), axis)
        low = sums.take(np.maximum(places - reach, 0), axis)
        grown = high > low
    return grown
