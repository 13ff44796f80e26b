"""Pictures as a network takes them: few at a time, as float or rgb, at its own size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from sfumato.errors import DataError

LEAST_SIDE = 8

_UInt8 = NDArray[np.uint8]


def extracted(
    pictures: _UInt8, extract: Callable[[Tensor], Tensor], dimension: int, piece: int
) -> Tensor:
    """Apply a function to pictures, a piece at a time, without gradients.

    Args:
        pictures: uint8, shape (B, C, H, W), C = 1 (grey), 3 (rgb) or 4 (rgba), sides >= 8.
        extract: Takes uint8 of shape (b, C, H, W), gives shape (b, dimension).
        dimension: Entries of a vector.
        piece: Most pictures at a time.

    Returns:
        float32 on the CPU, shape (B, dimension).

    Raises:
        DataError: These are no such pictures.
    """
    check(pictures)
    with torch.inference_mode():
        parts = [extract(part).float().cpu() for part in _pieces(pictures, piece)]
    # Cloned, since what was made in that mode can take no part in training.
    return torch.cat([torch.empty(0, dimension), *parts]).clone()


def check(pictures: _UInt8) -> None:
    """Refuse what are no pictures.

    Raises:
        DataError: The type is not uint8, or the shape not (B, C, H, W) with C = 1, 3 or 4 and sides
            of at least 8.
    """
    shape = pictures.shape
    if pictures.dtype == np.uint8 and len(shape) == 4 and shape[1] in (1, 3, 4):
        if min(shape[2:]) >= LEAST_SIDE:
            return
        why = f"they are {shape[2]} x {shape[3]}, and a side has {LEAST_SIDE} pixels or more"
    else:
        why = f"found {pictures.dtype} of shape {shape}, not uint8 of shape (B, C, H, W), C 1, 3, 4"
    raise DataError("These are no pictures that features can be taken of.", why=why)


def require_channels(pictures: _UInt8, channels: int) -> None:
    """Refuse pictures of another kind than an extractor was made for.

    Raises:
        ValueError: They have another number of channels.
    """
    if pictures.ndim == 4 and pictures.shape[1] != channels:
        raise ValueError(f"the pictures have {pictures.shape[1]} channels, not {channels}")


def at_once(pictures: _UInt8, pixels: int) -> int:
    """How many pictures have about so many pixels together; one at least."""
    return max(pixels // max(math.prod(pictures.shape[2:]), 1), 1)


def rgb(pictures: Tensor) -> Tensor:
    """Grey repeated, and alpha composited on white.

    Args:
        pictures: uint8, shape (B, C, H, W), C = 1, 3 or 4.

    Returns:
        float32 in [0, 255], shape (B, 3, H, W).
    """
    values = pictures.float()
    if values.shape[1] == 1:
        return values.expand(-1, 3, -1, -1)
    if values.shape[1] == 4:
        cover = values[:, 3:] / 255
        return values[:, :3] * cover + 255 * (1 - cover)
    return values


def resized(pictures: Tensor, height: int, width: int) -> Tensor:
    """Another size, bicubic and free of aliasing.

    Args:
        pictures: float32 in [0, 255], shape (B, C, H, W).
        height, width: In pixels.

    Returns:
        float32 in [0, 255], shape (B, C, height, width).
    """
    if pictures.shape[2:] == (height, width):
        return pictures
    size = (height, width)
    # A bicubic curve overshoots beside edges.
    return interpolate(pictures, size, mode="bicubic", antialias=True).clamp(0, 255)


def _pieces(pictures: _UInt8, piece: int) -> Iterator[Tensor]:
    for low in range(0, len(pictures), piece):
        # A copy, as a mapped file cannot be written to, and torch wants to be able to.
        yield torch.from_numpy(np.array(pictures[low : low + piece]))
