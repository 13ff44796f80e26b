"""Sizes that a file declares, checked before any pixel is decoded."""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image, ImageFile

from sfumato.imaging.png import SIGNATURE

MOST_PIXELS = 4_000_000_000
"""The highest limit that can be set."""

_TILE_WIDTH, _TILE_LENGTH = 322, 323
_ICON = b"\0\0\1\0"


def require_small(image: Image.Image, max_pixels: int) -> None:
    """Check the number of pixels.

    Raises:
        ValueError: There are too many.
    """
    require_small_size(image.width, image.height, max_pixels)


def require_small_size(width: int, height: int, max_pixels: int) -> None:
    """Like :func:`require_small`, of a picture that does not exist yet."""
    pixels = width * height
    if pixels > max_pixels:
        raise ValueError(
            f"{width:,} x {height:,} pixels are more than {_allowed(max_pixels, pixels)}"
        )


def require_small_inside(file: BinaryIO, head: bytes, max_pixels: int) -> None:
    """Check the pictures of an icon, which have headers of their own.

    Raises:
        ValueError: One has too many pixels.
    """
    if not head.startswith(_ICON):
        return
    file.seek(4)
    count = int.from_bytes(file.read(2), "little")
    entries = file.read(16 * count)
    for place in range(0, len(entries) - 15, 16):
        file.seek(struct.unpack("<I", entries[place + 12 : place + 16])[0])
        inner = file.read(24)
        if len(inner) < 24:
            continue
        is_png = inner.startswith(SIGNATURE)
        size = (">II", inner[16:24]) if is_png else ("<II", inner[4:12])
        width, height = struct.unpack(*size)
        _require_part(width, height, max_pixels)


def require_small_tiles(image: ImageFile.ImageFile, max_pixels: int) -> None:
    """Check the tiles of a TIFF, which may be larger than the image.

    Raises:
        ValueError: They have too many pixels.
    """
    tags = getattr(image, "tag_v2", {})
    if _TILE_WIDTH in tags and _TILE_LENGTH in tags:
        _require_part(int(tags[_TILE_WIDTH]), int(tags[_TILE_LENGTH]), max_pixels)


def _require_part(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        allowed = _allowed(max_pixels, width * height)
        raise ValueError(f"a part of it has {width:,} x {height:,} pixels, more than {allowed}")


def _allowed(max_pixels: int, pixels: int) -> str:
    """The limit, and what to set for a number of pixels if that can be set."""
    higher = pixels <= MOST_PIXELS
    more = f"medium.max_pixels={pixels} would" if higher else f"{MOST_PIXELS:,} is the most"
    return f"medium.max_pixels={max_pixels} allows; {more}"
