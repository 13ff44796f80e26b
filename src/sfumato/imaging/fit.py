"""Fitting a picture of any size to the size of a data set.

Each function takes an image in mode ``L``, ``RGB`` or ``RGBA`` and returns one of the given width
and height in the same mode (padding turns ``L`` into ``RGB``, since the border may be coloured).
Pillow's Lanczos filter widens with the reduction, so it does not alias, and it works on
premultiplied colours when there is an alpha channel. The nearest pixel keeps the hard edges of
pixel art.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PIL import Image

Colour = tuple[int, int, int]
Size = tuple[int, int]
"""Width and height in pixels."""

Fit = Callable[[Image.Image, Size, Colour, Image.Resampling], Image.Image]

RESAMPLING: Mapping[str, Image.Resampling] = {
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}

# A box filter first reduces very large images to three times the target size: much faster, and the
# difference is invisible after the Lanczos filter.
_REDUCING_GAP = 3.0


def on_background(image: Image.Image, colour: Colour) -> Image.Image:
    """Lay a transparent image on a plain colour; others are returned as they are."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, colour)
    return Image.alpha_composite(ground, image).convert("RGB")


def crop(image: Image.Image, size: Size, colour: Colour, resample: Image.Resampling) -> Image.Image:
    """Crop the largest centred rectangle of the same proportions and resize it."""
    width, height = float(image.width), float(image.height)
    if image.width * size[1] <= image.height * size[0]:
        height = image.width * size[1] / size[0]
    else:
        width = image.height * size[0] / size[1]
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = left, top, left + width, top + height
    return _resize(image, size, box, resample)


def pad(image: Image.Image, size: Size, colour: Colour, resample: Image.Resampling) -> Image.Image:
    """Centre the whole image on a ground of ``colour`` (transparent for ``RGBA``)."""
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = _resize(image, inner, (0, 0, *image.size), resample)
    if small.mode == "L":
        small = small.convert("RGB")
    ground = Image.new(small.mode, size, (*colour, 0) if small.mode == "RGBA" else colour)
    ground.paste(small, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return ground


def stretch(
    image: Image.Image, size: Size, colour: Colour, resample: Image.Resampling
) -> Image.Image:
    """Resize each axis of the whole image on its own."""
    return _resize(image, size, (0, 0, *image.size), resample)


FITS: Mapping[str, Fit] = {"crop": crop, "pad": pad, "stretch": stretch}


def _resize(
    image: Image.Image,
    size: Size,
    box: tuple[float, float, float, float],
    resample: Image.Resampling,
) -> Image.Image:
    return image.resize(size, resample, box=box, reducing_gap=_REDUCING_GAP)
