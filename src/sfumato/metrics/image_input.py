"""Preparation of images for feature extractors: checks, batches, rgb and resizing."""

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


def extract_features(
    images: _UInt8, extract: Callable[[Tensor], Tensor], dimension: int, batch: int
) -> Tensor:
    """Apply a function to images, a batch at a time, without gradients.

    Args:
        images: uint8, shape (B, C, H, W), C = 1 (grey), 3 (rgb) or 4 (rgba), sides >= 8.
        extract: Maps uint8 of shape (b, C, H, W) to vectors, shape (b, dimension).
        dimension: The number of entries of a vector.
        batch: The largest number of images at a time.

    Returns:
        float32 on the CPU, shape (B, dimension).

    Raises:
        DataError: These are not such images.
    """
    check(images)
    with torch.inference_mode():
        parts = [extract(part).float().cpu() for part in _batches(images, batch)]
    # Cloned, because tensors made in inference mode cannot take part in training.
    return torch.cat([torch.empty(0, dimension), *parts]).clone()


def check(images: _UInt8) -> None:
    """Refuse arrays that are not images.

    Raises:
        DataError: The type is not uint8, or the shape not (B, C, H, W) with C = 1, 3 or 4 and sides
            of at least 8.
    """
    shape = images.shape
    if images.dtype == np.uint8 and len(shape) == 4 and shape[1] in (1, 3, 4):
        if min(shape[2:]) >= LEAST_SIDE:
            return
        why = f"they are {shape[2]} x {shape[3]}, and sides need {LEAST_SIDE} pixels or more"
    else:
        why = f"found {images.dtype} of shape {shape}, not uint8 of shape (B, C, H, W), C 1, 3, 4"
    raise DataError("This array does not hold images that features can be extracted from.", why=why)


def require_channels(images: _UInt8, channels: int) -> None:
    """Refuse images with another number of channels than an extractor was made for.

    Raises:
        ValueError: The number of channels differs.
    """
    if images.ndim == 4 and images.shape[1] != channels:
        raise ValueError(f"the images have {images.shape[1]} channels, not {channels}")


def batch_size(images: _UInt8, pixels: int) -> int:
    """The number of images, at least one, that have about this number of pixels together."""
    return max(pixels // max(math.prod(images.shape[2:]), 1), 1)


def rgb(images: Tensor) -> Tensor:
    """Convert images to rgb: grey is repeated, and alpha composited on white.

    Args:
        images: uint8, shape (B, C, H, W), C = 1, 3 or 4.

    Returns:
        float32 in [0, 255], shape (B, 3, H, W).
    """
    values = images.float()
    if values.shape[1] == 1:
        return values.expand(-1, 3, -1, -1)
    if values.shape[1] == 4:
        cover = values[:, 3:] / 255
        return values[:, :3] * cover + 255 * (1 - cover)
    return values


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Resize images, bicubic and free of aliasing.

    Args:
        images: float32 in [0, 255], shape (B, C, H, W).
        height, width: In pixels.

    Returns:
        float32 in [0, 255], shape (B, C, height, width).
    """
    if images.shape[2:] == (height, width):
        return images
    size = (height, width)
    # Bicubic interpolation overshoots beside edges.
    return interpolate(images, size, mode="bicubic", antialias=True).clamp(0, 255)


def _batches(images: _UInt8, batch: int) -> Iterator[Tensor]:
    for low in range(0, len(images), batch):
        # A copy, because torch needs writable memory, and a mapped file is read-only.
        yield torch.from_numpy(np.array(images[low : low + batch]))
