"""An image file as pixels with the channels of a run, fitted to its size or as large as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from sfumato.imaging.fit import FITS, RESAMPLING, Colour, on_background
from sfumato.media.image.open import open_image
from sfumato.media.image.settings import ImageSettings

MODES: Mapping[str, str] = MappingProxyType({"grey": "L", "rgb": "RGB", "rgba": "RGBA"})
"""Pillow's modes of the channels."""


def background(settings: ImageSettings) -> Colour:
    """The colour behind transparent pixels."""
    red, green, blue = ImageColor.getrgb(settings.background)[:3]
    return red, green, blue


def open_with(path: Path, settings: ImageSettings, own_size: bool = False) -> Image.Image:
    """Decode a file in mode ``L``, ``RGB`` or ``RGBA``, see :func:`open_image`.

    Args:
        path: The file.
        settings: What is allowed and how it is read.
        own_size: Whether a JPEG has to come out as large as it is stored. A drawing has no size of
            its own, and is rendered at about twice the size of the settings.
    """
    return open_image(
        path,
        settings.max_pixels,
        max(settings.width, settings.height),
        settings.white,
        settings.truncated,
        # A JPEG that is decoded at a smaller scale has mixed its pixels already.
        reduced=settings.resample == "lanczos" and not own_size,
    )


def pixels_of(
    image: Image.Image, settings: ImageSettings, own_size: bool = False
) -> NDArray[np.uint8]:
    """The pixels of a decoded image with the channels of the settings.

    Transparent pixels are laid on the background, or get its colour if they are invisible and the
    run has transparency.

    Args:
        image: What :func:`open_with` returns.
        settings: How it is read.
        own_size: Whether the image keeps its size; otherwise it is fitted to that of the settings.

    Returns:
        uint8, shape (C, H, W).
    """
    ground = background(settings)
    keeps = settings.channels == "rgba"
    image = image.convert("RGBA") if keeps else on_background(image, ground)
    if not own_size:
        size = settings.width, settings.height
        image = FITS[settings.fit](image, size, ground, RESAMPLING[settings.resample])
    mode = MODES[settings.channels]
    pixels = np.array(image.convert(mode))
    if mode == "RGBA":
        pixels[pixels[..., 3] == 0, :3] = ground
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))
