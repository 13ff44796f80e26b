"""A file, what is known of it, and the results of its edit, side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.media.image.sheet import sheet

_PAPER = 238


def beside(
    original: NDArray[np.uint8], observed: NDArray[np.uint8] | None, items: NDArray[np.uint8]
) -> Image.Image:
    """Lay an edit out on one sheet: the file, what is known of it, then the results.

    A smaller image is enlarged by a whole number, each pixel to a square, as far as it fits into
    the size of the results, and centred.

    Args:
        original: The file, uint8 (H, W, C).
        observed: What the method sees of it, uint8 (h, w, C); None if it is the file itself.
        items: The results, uint8 (B, h, w, C), not smaller than the others.

    Returns:
        An image in mode ``RGB``.

    Raises:
        ValueError: The file or what is known of it is larger than the results.
    """
    before = [original] if observed is None else [original, observed]
    sides = items.shape[1], items.shape[2]
    shown = [_fitted(image, sides) for image in before]
    return sheet(np.stack([*shown, *items]))


def _fitted(image: NDArray[np.uint8], sides: tuple[int, int]) -> NDArray[np.uint8]:
    factor = min(side // own for side, own in zip(sides, image.shape, strict=False))
    if factor < 1:
        raise ValueError(f"an image of shape {image.shape} does not fit into {sides}")
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    if large.shape[:2] == sides:
        return large
    paper = np.full((*sides, image.shape[2]), _PAPER, np.uint8)
    top, left = ((side - own) // 2 for side, own in zip(sides, large.shape, strict=False))
    paper[top : top + large.shape[0], left : left + large.shape[1]] = large
    return paper
