"""Decoding one untrusted image file, and fitting it to a square.

Every file is converted to one of three modes with 8 bits per channel: ``L`` (grey), ``RGB``, or
``RGBA`` if some pixel is really transparent. The size that the header declares is checked before
any pixel is decoded.

An image of any size is then cropped, padded or stretched to a square. Each function takes an image
in mode ``L``, ``RGB`` or ``RGBA`` and returns one of ``side`` x ``side`` pixels in the same
mode (padding turns ``L`` into ``RGB``, since the border may be coloured). Pillow's Lanczos filter
widens with the reduction, so it does not alias, and it works on premultiplied colours when there is
an alpha channel.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sfumato.data.index import FileKind
from sfumato.errors import DataError, MissingExtra
from sfumato.imaging.svg import render_svg

# An explicit list: Pillow also opens formats that start other programs (EPS runs Ghostscript) or
# that only some systems know.
_FORMATS = (
    "PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "ICO",
    "JPEG2000", "QOI", "PCX", "SGI",
)  # fmt: skip
_SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".jp2", ".j2k", ".qoi",
    ".pcx", ".sgi", ".svg",
)  # fmt: skip
IMAGES = FileKind("images", frozenset(_SUFFIXES))

Colour = tuple[int, int, int]
Fit = Callable[[Image.Image, int, Colour], Image.Image]

# A box filter first reduces very large images to three times the target size: much faster, and the
# difference is invisible after the Lanczos filter.
_REDUCING_GAP = 3.0

# warnings.catch_warnings affects the whole process, so only one thread may be inside.
_WARNINGS = threading.Lock()


def open_image(path: Path, max_pixels: int, side: int) -> Image.Image:
    """Decode an image upright, in mode ``L``, ``RGB`` or ``RGBA``.

    Animations and multi-page files give their first frame. EXIF orientation is applied. 16-bit
    samples are scaled to 8 bits by 65535 -> 255; floating-point ones must lie in [0, 1].

    Args:
        path: The file.
        max_pixels: Largest number of pixels that the header may declare.
        side: The side in pixels that the caller needs. A JPEG may come out smaller than it is
            stored, but never below twice this side; an SVG is rendered at about twice this side.

    Raises:
        DataError: The file is missing, is not an image, is damaged, or is too large.
        MissingExtra: The file is an SVG, and the package that renders it is not installed.
    """
    try:
        if path.suffix.lower() == ".svg":
            return _plain(render_svg(path, 2 * side, max_pixels))
        with _open_header(path) as image:
            _refuse_large(image, max_pixels)
            image.draft(None, (2 * side, 2 * side))
            image.load()
            _refuse_large(image, max_pixels)
            return _plain(_upright(image))
    except MissingExtra:
        raise
    # On damaged data decoders raise nearly anything: OSError, SyntaxError, struct.error, KeyError,
    # zlib.error, MemoryError. The file is at fault in every case.
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error


def image_header(path: Path) -> tuple[int, int, str]:
    """The stored width, height and mode of a raster image, read from its header alone.

    Raises:
        DataError: The header cannot be read.
    """
    try:
        with _open_header(path) as image:
            return image.width, image.height, image.mode
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error


def _open_header(path: Path) -> Image.Image:
    # Warnings about odd metadata are ignored; the one about decompression bombs is an error.
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(path, formats=_known_formats())


@cache
def _known_formats() -> tuple[str, ...]:
    # A build of Pillow may lack some formats, such as AVIF, and requesting those is an error.
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _refuse_large(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise ValueError(
            f"{image.width} x {image.height} pixels is above the limit of {max_pixels:,}"
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # The EXIF data are damaged, so the orientation is unknown, but the pixels are intact.
        return image


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        opaque = image.getchannel("A").getextrema() == (255, 255)
        return image.convert("RGB") if opaque else image
    if image.mode == "L":
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    samples = np.asarray(image)
    low, high = samples.min(), samples.max()
    limit = 1 if image.mode == "F" else 65535
    # Written so that NaN fails too.
    if not (low >= 0 and high <= limit):
        raise ValueError(f"samples from {low} to {high} are outside [0, {limit}]")
    scaled = np.rint(samples * (255.0 / limit)).astype(np.uint8)
    return Image.fromarray(scaled)


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"too large to decode: {error}"
    return f"{error}" or type(error).__name__


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"'{path}' cannot be read as an image.",
        why=reason,
        hint="repair the file or take it out of the folder.",
    )


def on_background(image: Image.Image, colour: Colour) -> Image.Image:
    """Lay a transparent image on a plain colour; others are returned as they are."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, colour)
    return Image.alpha_composite(ground, image).convert("RGB")


def crop(image: Image.Image, side: int, colour: Colour) -> Image.Image:
    """Crop the largest centred square and resize it."""
    width, height = image.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    return _resize(image, (side, side), (left, top, left + short, top + short))


def pad(image: Image.Image, side: int, colour: Colour) -> Image.Image:
    """Centre the whole image on a square of ``colour`` (transparent for ``RGBA``)."""
    width, height = image.size
    scale = side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = _resize(image, size, (0, 0, width, height))
    if small.mode == "L":
        small = small.convert("RGB")
    square = Image.new(small.mode, (side, side), (*colour, 0) if small.mode == "RGBA" else colour)
    square.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def stretch(image: Image.Image, side: int, colour: Colour) -> Image.Image:
    """Resize each axis of the whole image on its own."""
    return _resize(image, (side, side), (0, 0, *image.size))


FITS: Mapping[str, Fit] = {"crop": crop, "pad": pad, "stretch": stretch}


def _resize(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=_REDUCING_GAP)
