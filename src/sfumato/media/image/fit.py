"""Bringing a picture of any size to a square: crop, pad or stretch.

Each function takes a picture in mode ``L``, ``RGB`` or ``RGBA`` and gives one of ``side`` x
``side`` pixels in the same mode (padding turns ``L`` into ``RGB``, since the border may be
coloured). Pillow's Lanczos filter widens with the reduction, so it does not alias, and it works on
premultiplied colours when there is an alpha channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PIL import Image

Colour = tuple[int, int, int]
Fit = Callable[[Image.Image, int, Colour], Image.Image]

# A box filter first brings very large pictures within three times the goal: much faster, and the
# Lanczos filter that follows hides the difference.
_REDUCING_GAP = 3.0


def on_background(picture: Image.Image, colour: Colour) -> Image.Image:
    """Lay a transparent picture on a plain colour; others are returned as they are."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGBA", picture.size, colour)
    return Image.alpha_composite(ground, picture).convert("RGB")


def crop(picture: Image.Image, side: int, colour: Colour) -> Image.Image:
    """The largest centred square, resized."""
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    return _resize(picture, (side, side), (left, top, left + short, top + short))


def pad(picture: Image.Image, side: int, colour: Colour) -> Image.Image:
    """The whole picture, centred on a square of ``colour`` (transparent for ``RGBA``)."""
    width, height = picture.size
    scale = side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = _resize(picture, size, (0, 0, width, height))
    if small.mode == "L":
        small = small.convert("RGB")
    square = Image.new(small.mode, (side, side), (*colour, 0) if small.mode == "RGBA" else colour)
    square.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def stretch(picture: Image.Image, side: int, colour: Colour) -> Image.Image:
    """The whole picture, each axis resized on its own."""
    return _resize(picture, (side, side), (0, 0, *picture.size))


FITS: Mapping[str, Fit] = {"crop": crop, "pad": pad, "stretch": stretch}


def _resize(
    picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
    return picture.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=_REDUCING_GAP)
