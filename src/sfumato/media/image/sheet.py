"""Contact sheets and strips: many small images on one, large enough to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sfumato.media.lettering import LINE, font, wrapped

_PAPER = 238
_INK = (40, 40, 48)
_CHECKS = (255, 224)
_GOOD_SIDE = 96
# With captions: the least width of a cell, the distance of two cells, and the most lines.
_CELL, _CELL_GAP, _LINES = 128, 10, 3


def sheet(
    images: NDArray[np.uint8],
    columns: int | None = None,
    scale: int | None = None,
    captions: Sequence[str] = (),
) -> Image.Image:
    """Lay images out in rows.

    Args:
        images: uint8, shape (B, H, W, C) with C = 1, 3 or 4 and B >= 1. Transparency is shown
            over a light checkerboard.
        columns: Number of images in a row; by default the sheet is nearly square.
        scale: Every pixel becomes ``scale`` x ``scale`` pixels. By default the smallest whole
            number that makes the longer side of an image 96 pixels or more, or 128 pixels with
            captions.
        captions: A text for each image, shown below it in up to three lines; none, or only empty
            ones, for a sheet of images alone. A longer text is cut.

    Returns:
        An image in mode ``RGB``.

    Raises:
        ValueError: The shape is not one of those, a number is below 1, or there are captions and
            not as many as images.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or len(images) == 0:
        raise ValueError(f"images must be (B, H, W, C), C = 1, 3 or 4: {images.shape}")
    count, height, width, _ = images.shape
    has_captions = any(text.strip() for text in captions)
    if has_captions and len(captions) != count:
        raise ValueError(f"there are {len(captions)} captions of {count} images")
    good = _CELL if has_captions else _GOOD_SIDE
    scale = max(1, math.ceil(good / max(height, width))) if scale is None else scale
    wide = max(width * scale, _CELL) if has_captions else width * scale
    texts = [wrapped(text, wide, _LINES) for text in captions] if has_captions else []
    if columns is None and scale >= 1:
        columns = max(1, math.ceil(math.sqrt(count * height * scale / wide)))
    columns = min(columns or 0, count)
    if columns < 1 or scale < 1:
        raise ValueError(f"columns and scale must be at least 1: {columns}, {scale}")
    gap = max(_CELL_GAP if has_captions else 2, scale)
    tops = _tops(count, columns, height * scale + gap, texts)
    paper = np.full((tops[-1] + gap, columns * (wide + gap) + gap, 3), _PAPER, np.uint8)
    corners = [
        (gap + place % columns * (wide + gap), gap + tops[place // columns])
        for place in range(count)
    ]
    for image, (left, top) in zip(images, corners, strict=True):
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        left += (wide - width * scale) // 2
        paper[top : top + height * scale, left : left + width * scale] = _opaque(large)
    drawn = Image.fromarray(paper)
    for lines, (left, top) in zip(texts, corners, strict=False):
        _letter(drawn, lines, left + wide // 2, top + height * scale)
    return drawn


def strip(images: NDArray[np.uint8], scale: int | None = None) -> Image.Image:
    """Lay a sequence out in one row; arguments as for :func:`sheet`."""
    return sheet(images, columns=len(images), scale=scale)


def _tops(count: int, columns: int, pitch: int, texts: Sequence[Sequence[str]]) -> list[int]:
    """Where each row begins, and where the last one ends: rows are as high as their texts."""
    tops = [0]
    for first in range(0, count, columns):
        lines = max(map(len, texts[first : first + columns]), default=0)
        tops.append(tops[-1] + pitch + lines * LINE)
    return tops


def _letter(paper: Image.Image, lines: Sequence[str], middle: int, top: int) -> None:
    """Write lines of text below one another, each centred."""
    draw = ImageDraw.Draw(paper)
    for number, line in enumerate(lines):
        at = middle, top + 2 + number * LINE
        draw.text(at, line, fill=_INK, font=font(), anchor="ma")


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
