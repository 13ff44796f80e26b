"""Contact sheets and strips: many small images on one, large enough to look at."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_PAPER = 238
_CHECKS = (255, 224)
_GOOD_SIDE = 96


def sheet(
    images: NDArray[np.uint8], columns: int | None = None, scale: int | None = None
) -> Image.Image:
    """Lay images out in rows.

    Args:
        images: uint8, shape (B, H, W, C) with C = 1, 3 or 4 and B >= 1. Transparency is shown
            over a light checkerboard.
        columns: Number of images in a row; by default the sheet is nearly square.
        scale: Every pixel becomes ``scale`` x ``scale`` pixels. By default the smallest whole
            number that makes the longer side of an image 96 pixels or more.

    Returns:
        An image in mode ``RGB``.

    Raises:
        ValueError: The shape is not one of those, or a number is below 1.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or len(images) == 0:
        raise ValueError(f"images must be (B, H, W, C), C = 1, 3 or 4: {images.shape}")
    count, height, width, _ = images.shape
    if columns is None:
        columns = max(1, math.ceil(math.sqrt(count * height / width)))
    columns = min(columns, count)
    scale = max(1, math.ceil(_GOOD_SIDE / max(height, width))) if scale is None else scale
    if columns < 1 or scale < 1:
        raise ValueError(f"columns and scale must be at least 1: {columns}, {scale}")
    gap = max(2, scale)
    high, wide = height * scale + gap, width * scale + gap
    paper = np.full((-(-count // columns) * high + gap, columns * wide + gap, 3), _PAPER, np.uint8)
    for place, image in enumerate(images):
        top = place // columns * high + gap
        left = place % columns * wide + gap
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        paper[top : top + height * scale, left : left + width * scale] = _opaque(large)
    return Image.fromarray(paper)


def strip(images: NDArray[np.uint8], scale: int | None = None) -> Image.Image:
    """Lay a sequence out in one row; arguments as for :func:`sheet`."""
    return sheet(images, columns=len(images), scale=scale)


def _opaque(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay (H, W, C) over the checkerboard: (H, W, 3), or (H, W, 1) for grey, which broadcasts."""
    if image.shape[-1] != 4:
        return image
    rows, columns = np.indices(image.shape[:2]) // 8
    checks = np.where((rows + columns) % 2, *_CHECKS)[..., None]
    alpha = image[..., 3:] / 255.0
    mixed: NDArray[np.uint8] = np.rint(alpha * image[..., :3] + (1 - alpha) * checks).astype(
        np.uint8
    )
    return mixed
