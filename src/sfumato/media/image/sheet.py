"""Contact sheets and strips: many small pictures on one, large enough to look at."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_PAPER = 238
_CHECKS = (255, 224)
_GOOD_SIDE = 96


def sheet(
    pictures: NDArray[np.uint8], columns: int | None = None, scale: int | None = None
) -> Image.Image:
    """Lay pictures out in rows.

    Args:
        pictures: uint8, shape (B, H, W, C) with C = 1, 3 or 4 and B >= 1. Transparency is shown
            over a light checkerboard.
        columns: How many to a row; by default as near to a square as can be.
        scale: Every pixel becomes ``scale`` x ``scale`` pixels. By default the smallest whole
            number that makes a picture 96 pixels high or more.

    Returns:
        A picture in mode ``RGB``.

    Raises:
        ValueError: The shape is not one of those, or a number is below 1.
    """
    if pictures.ndim != 4 or pictures.shape[-1] not in (1, 3, 4) or len(pictures) == 0:
        raise ValueError(f"pictures must be (B, H, W, C), C = 1, 3 or 4: {pictures.shape}")
    count, height, width, _ = pictures.shape
    columns = math.ceil(math.sqrt(count)) if columns is None else min(columns, count)
    scale = max(1, math.ceil(_GOOD_SIDE / height)) if scale is None else scale
    if columns < 1 or scale < 1:
        raise ValueError(f"columns and scale must be at least 1: {columns}, {scale}")
    gap = max(2, scale)
    high, wide = height * scale + gap, width * scale + gap
    paper = np.full((-(-count // columns) * high + gap, columns * wide + gap, 3), _PAPER, np.uint8)
    for place, picture in enumerate(pictures):
        top = place // columns * high + gap
        left = place % columns * wide + gap
        large = picture.repeat(scale, axis=0).repeat(scale, axis=1)
        paper[top : top + height * scale, left : left + width * scale] = _opaque(large)
    return Image.fromarray(paper)


def strip(pictures: NDArray[np.uint8], scale: int | None = None) -> Image.Image:
    """Lay a sequence out in one row; arguments as for :func:`sheet`."""
    return sheet(pictures, columns=len(pictures), scale=scale)


def _opaque(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, C) to what is painted: (H, W, 3), or (H, W, 1) for grey, which broadcasts."""
    if picture.shape[-1] != 4:
        return picture
    rows, columns = np.indices(picture.shape[:2]) // 8
    checks = np.where((rows + columns) % 2, *_CHECKS)[..., None]
    alpha = picture[..., 3:] / 255.0
    mixed: NDArray[np.uint8] = np.rint(alpha * picture[..., :3] + (1 - alpha) * checks).astype(
        np.uint8
    )
    return mixed
