"""The colour of a drawing in one word, measured from its pixels.

**Rule.** Every opaque pixel is given the nearest of the basic colour terms, by the distance in
CIELAB (D65) to their examples. A pixel counts if all pixels around it have the same term, so that
outlines do not make a drawing black. The drawing has the colour of the term that at least half of
the counted pixels have; otherwise it has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_EXAMPLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "red": ("EA5A47", "D22F27", "CC0000", "8B1A1A"),
        "orange": ("F28C28", "E27022", "F4AA41"),
        "yellow": ("FCEA2B", "F1B31C", "FFF27A"),
        "green": ("B1CC33", "5C9E31", "186648", "90D090"),
        "blue": ("92D3F5", "61B2E4", "1E50A0", "1B2F6B", "0000FF"),
        "purple": ("B399C8", "8967AA", "5E2A84"),
        "pink": ("FFA7C0", "E67A94", "FF5FA2"),
        "brown": ("A57939", "6A462F", "8A5A3C"),
        "grey": ("D0CFCE", "9B9B9A", "6B6B6B"),
        "black": ("000000", "3F3F3F"),
        "white": ("FFFFFF",),
    }
)
COLOURS = tuple(_EXAMPLES)
"""The basic colour terms."""

_OPAQUE = 128
_HALF = 0.5
# Beyond the width of the outlines, which are 4 pixels wide on drawings of 144.
_AROUND = 36
_FEWEST = 0.01
_NONE = len(COLOURS)
# sRGB (linear) to XYZ, divided by the white of D65: IEC 61966-2-1.
_TO_XYZ = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ]
)


def main_colour(picture: Image.Image) -> str | None:
    """The colour of a drawing on a transparent background.

    Args:
        picture: An image of any mode that has, or can have, transparency.

    Returns:
        One of :data:`COLOURS`, or None if no colour makes up half of the drawing.
    """
    terms = _terms(np.asarray(picture.convert("RGBA")))
    side = max(3, 2 * (min(terms.shape) // _AROUND // 2) + 3)
    image = Image.fromarray(terms)
    least = np.asarray(image.filter(ImageFilter.MinFilter(side)))
    most = np.asarray(image.filter(ImageFilter.MaxFilter(side)))
    inner = terms[(least == most) & (terms != _NONE)]
    if inner.size < _FEWEST * terms.size:
        return None
    counts = np.bincount(inner, minlength=_NONE)
    first = int(counts.argmax())
    return COLOURS[first] if counts[first] >= _HALF * inner.size else None


def _terms(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The number of the nearest term of every pixel, (H, W) from (H, W, 4)."""
    # One number for each colour is sorted much faster than rows of three.
    packed = pixels[..., :3].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    numbers, places = np.unique(packed, return_inverse=True)
    colours = np.stack([numbers >> 16, (numbers >> 8) & 255, numbers & 255], axis=1)
    distances = np.linalg.norm(_lab(colours)[:, None] - _POINTS[None], axis=2)
    terms = _OWNERS[distances.argmin(axis=1)][places.reshape(packed.shape)]
    return np.where(pixels[..., 3] >= _OPAQUE, terms, np.uint8(_NONE))


def _lab(colours: NDArray[np.unsignedinteger]) -> NDArray[np.float64]:
    """CIELAB coordinates of sRGB colours, (N, 3) from (N, 3)."""
    value = colours / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


_POINTS = _lab(
    np.array([list(bytes.fromhex(one)) for many in _EXAMPLES.values() for one in many], np.uint8)
)
_OWNERS = np.array(
    [term for term, many in enumerate(_EXAMPLES.values()) for _ in many], dtype=np.uint8
)
