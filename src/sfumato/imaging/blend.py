"""New pixels in a picture of which all others stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.imaging.window import Region, sides_of

MOST_FEATHER = 256
"""The widest transition in pixels."""


@dataclass(frozen=True, eq=False)
class Paste:
    """Puts new pixels into a window of a picture.

    Attributes:
        ground: The picture, uint8 (H, W, C).
        window: Rows and columns of the window, within the picture.
        share: How much of each pixel of the window is new, float64 (h, w): 0 leaves the pixel of
            the picture as it is, to the bit, and 1 takes the new one.
    """

    ground: NDArray[np.uint8]
    window: Region
    share: NDArray[np.float64]

    def __post_init__(self) -> None:
        if sides_of(self.window) != self.share.shape:
            raise ValueError(f"a window {self.window} has no shares of shape {self.share.shape}")

    def __call__(self, new: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture with new pixels.

        Args:
            new: Pixels of the window, uint8 (B, h, w, C).

        Returns:
            uint8 (B, H, W, C).
        """
        (top, bottom), (left, right) = self.window
        made = np.repeat(self.ground[None], len(new), axis=0)
        inner = made[:, top:bottom, left:right]
        changed = self.share > 0
        share = self.share[changed][:, None]
        mixed = share * new[:, changed] + (1 - share) * inner[:, changed]
        inner[:, changed] = np.rint(mixed).astype(np.uint8)
        return made


def ramp(marked: NDArray[np.bool_], width: int) -> NDArray[np.float64]:
    """A transition inside marked pixels, which begins at their edge.

    Args:
        marked: Shape (H, W).
        width: The number of pixels of the transition; 0 for none.

    Returns:
        Shape (H, W): 0 at pixels that are not marked, ``d / (width + 1)`` at those whose distance
        ``d`` to the nearest pixel that is not marked is at most ``width``, and 1 at the others.
    """
    share = marked.astype(np.float64)
    if width and not marked.all():
        near = _distance(marked, width + 1) / (width + 1)
        share = np.minimum(share, near)
    return share


def _distance(marked: NDArray[np.bool_], most: int) -> NDArray[np.float64]:
    """Euclidean distance to the nearest pixel that is not marked, at most ``most``.

    The distance along columns is found first, in two passes, then the least of its sums with the
    offset along rows, as far as that can matter.
    """
    vertical = np.where(marked, most, 0)
    for row in range(1, len(vertical)):
        np.minimum(vertical[row], vertical[row - 1] + 1, out=vertical[row])
    for row in range(len(vertical) - 2, -1, -1):
        np.minimum(vertical[row], vertical[row + 1] + 1, out=vertical[row])
    squares = vertical**2
    nearest = squares.copy()
    width = marked.shape[1]
    for offset in range(1, min(most, width)):
        beside = squares + offset**2
        np.minimum(nearest[:, offset:], beside[:, :-offset], out=nearest[:, offset:])
        np.minimum(nearest[:, :-offset], beside[:, offset:], out=nearest[:, :-offset])
    distance: NDArray[np.float64] = np.minimum(np.sqrt(nearest), most)
    return distance
