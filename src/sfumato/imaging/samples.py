"""Samples of more than eight bits: their values, and scaling them to eight.

Pillow keeps the upper byte alone of 16-bit colours. The same decoder gives the lower one if it is
told that the bytes are in the other order, so the full values come from decoding a file twice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

WHITE = 65535
"""The value of white in 16-bit samples."""

Loader = Callable[[ImageFile.ImageFile], None]
_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_DEEP_COLOURS = ("RGB;16", "RGBA;16", "RGBX;16")
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_BITS, _SIGN = 258, 339
_PLANAR, _SEPARATE = 284, 2


def values_of(
    image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile], load: Loader
) -> NDArray[Any] | None:
    """The samples of an image with more than eight bits, and None for others.

    Args:
        image: The image, not loaded yet; it is loaded.
        again: Opens the same file once more.
        load: Loads an image.

    Returns:
        Shape (H, W) or (H, W, C): integers, or floats if the file holds these.

    Raises:
        ValueError: It is a TIFF that stores such samples channel by channel.
        Exception: Loading fails.
    """
    _require_interleaved(image)
    rawmode = _rawmode(image)
    if image.mode == "RGBA" and rawmode == "LA;16B":
        return _grey_with_alpha(again(), load)
    if not rawmode.startswith(_DEEP_COLOURS) or rawmode[-1] not in _OTHER:
        load(image)
        return _deep_grey(image)
    low = again()
    for one, mode in ((image, rawmode), (low, rawmode[:-1] + _OTHER[rawmode[-1]])):
        one.tile = [tile._replace(args=_with_rawmode(tile.args, mode)) for tile in one.tile]
        load(one)
    values = np.asarray(image).astype(np.uint16)
    values <<= 8
    values |= np.asarray(low)
    return values


def white_of(image: ImageFile.ImageFile) -> int:
    """The value of white that a file states by itself; not loaded yet."""
    return 4095 if _rawmode(image) == "I;12" else WHITE


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an image that is not loaded yet has integer samples of more than eight bits."""
    rawmode = _rawmode(image)
    return image.mode.startswith("I") or rawmode.startswith((*_DEEP_COLOURS, "LA;16"))


def eight_bits(values: NDArray[Any], white: int | None, stated: int = WHITE) -> NDArray[np.uint8]:
    """Scale samples to eight bits, rounding.

    Args:
        values: Integers, or floats.
        white: The value that becomes 255; None for that of the format: ``stated`` for integers, and
            1 for floats.
        stated: The value of white that the file states.

    Raises:
        ValueError: A value is negative, above white, or not a number.
    """
    is_float = np.issubdtype(values.dtype, np.floating)
    limit = white or (1 if is_float else stated)
    low, high = values.min(), values.max()
    # Written so that NaN fails too.
    if not (low >= 0 and high <= limit):
        raise ValueError(_outside(low, high, limit))
    if values.dtype == np.uint16:
        table = np.rint(np.minimum(np.arange(65536) * (255.0 / limit), 255)).astype(np.uint8)
        small: NDArray[np.uint8] = table[values]
        return small
    scaled: NDArray[np.uint8] = np.rint(values * (255.0 / limit)).astype(np.uint8)
    return scaled


def _outside(low: Any, high: Any, limit: float) -> str:
    why = f"its samples from {low:g} to {high:g} are outside [0, {limit:,}]"
    if not (np.isfinite(low) and np.isfinite(high)):
        return f"{why}: some are not numbers"
    if low < 0:
        return f"{why}, and negative light has no colour"
    if not float(high).is_integer():
        return why
    return f"{why}; medium.white={high:.0f} makes {high:,.0f} white"


def _deep_grey(image: ImageFile.ImageFile) -> NDArray[Any] | None:
    if not image.mode.startswith(("I", "F")):
        return None
    values = np.asarray(image)
    if values.dtype == np.dtype(">u2"):
        values = values.astype(np.uint16)
    tags = _tags(image)
    if values.dtype == np.int32 and tags.get(_BITS) == (32,) and tags.get(_SIGN, (1,)) == (1,):
        # Pillow takes unsigned numbers of 32 bits for signed ones.
        values = values.view(np.uint32)
    inverted = image.format == "TIFF" and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    # Pillow inverts 8-bit samples of this kind alone.
    return WHITE - values if inverted and values.dtype == np.uint16 else values


def _require_interleaved(image: ImageFile.ImageFile) -> None:
    """Refuse what Pillow reads as if its samples had eight bits, which gives noise.

    Raises:
        ValueError: It is a TIFF of this kind.
    """
    tags = _tags(image)
    if tags.get(_PLANAR) == _SEPARATE and len(tags.get(_BITS, ())) > 1 and max(tags[_BITS]) > 8:
        raise ValueError(
            f"it stores samples of {max(tags[_BITS])} bits channel by channel (planar), which "
            "cannot be read; store them pixel by pixel"
        )


def _tags(image: ImageFile.ImageFile) -> Mapping[int, Any]:
    """The tags of a TIFF; none for other formats."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags


def _grey_with_alpha(image: ImageFile.ImageFile, load: Loader) -> NDArray[np.uint16]:
    """Grey and alpha of 16 bits each, read as four bytes."""
    image.tile = [tile._replace(args="RGBA") for tile in image.tile]
    load(image)
    pieces = np.asarray(image).astype(np.uint16)
    values: NDArray[np.uint16] = pieces[..., 0::2] * np.uint16(256) + pieces[..., 1::2]
    return values


def _rawmode(image: ImageFile.ImageFile) -> str:
    args = image.tile[0].args if getattr(image, "tile", None) else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _with_rawmode(args: Any, rawmode: str) -> Any:
    return (rawmode, *args[1:]) if isinstance(args, tuple) else rawmode
