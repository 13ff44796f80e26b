"""Opening one picture from a file that nobody vouches for.

Whatever the file holds comes out in one of three plain modes, 8 bits a channel: ``L`` (grey),
``RGB``, or ``RGBA`` when some pixel is really transparent. The size that the header declares is
checked before any pixel is decoded.

An image of any size is then brought to a square: cropped, padded or stretched. Each function takes
an image in mode ``L``, ``RGB`` or ``RGBA`` and gives one of ``side`` x ``side`` pixels in the same
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

from sfumato.errors import DataError, MissingExtra
from sfumato.media.data.index import FileKind
from sfumato.media.image.svg import render_svg

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
IMAGES = FileKind("pictures", frozenset(_SUFFIXES))

Colour = tuple[int, int, int]
Fit = Callable[[Image.Image, int, Colour], Image.Image]

# A box filter first brings very large pictures within three times the goal: much faster, and the
# Lanczos filter that follows hides the difference.
_REDUCING_GAP = 3.0

# warnings.catch_warnings changes the whole process, so two threads must not be inside at once.
_WARNINGS = threading.Lock()


def open_picture(path: Path, max_pixels: int, side: int) -> Image.Image:
    """Decode a picture upright, in mode ``L``, ``RGB`` or ``RGBA``.

    Animations and multi-page files give their first frame. EXIF orientation is applied. 16-bit
    samples are scaled to 8 bits by 65535 -> 255; floating-point ones must lie in [0, 1].

    Args:
        path: The file.
        max_pixels: Refuse pictures whose header declares more.
        side: The side in pixels that the caller needs. A JPEG may come out smaller than it is
            stored, but never below twice this side; an SVG is rendered at about twice this side.

    Raises:
        DataError: The file is missing, is no picture, is damaged, or is too large.
        MissingExtra: An SVG, without the package that renders it.
    """
    try:
        if path.suffix.lower() == ".svg":
            return _plain(render_svg(path, 2 * side, max_pixels))
        with _open_header(path) as picture:
            _refuse_large(picture, max_pixels)
            picture.draft(None, (2 * side, 2 * side))
            picture.load()
            _refuse_large(picture, max_pixels)
            return _plain(_upright(picture))
    except MissingExtra:
        raise
    # Decoders meeting damaged data raise nearly anything: OSError, SyntaxError, struct.error,
    # KeyError, zlib.error, MemoryError. The file is at fault in every case.
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error


def picture_header(path: Path) -> tuple[int, int, str]:
    """The stored width, height and mode of a raster picture, read from its header alone.

    Raises:
        DataError: The header cannot be read.
    """
    try:
        with _open_header(path) as picture:
            return picture.width, picture.height, picture.mode
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error


def _open_header(path: Path) -> Image.Image:
    # Warnings about odd metadata would only be noise; the one about pixel bombs is an error.
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(path, formats=_known_formats())


@cache
def _known_formats() -> tuple[str, ...]:
    # A build of Pillow may lack some (AVIF, for one), and naming those is an error.
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _refuse_large(picture: Image.Image, max_pixels: int) -> None:
    if picture.width * picture.height > max_pixels:
        raise ValueError(
            f"{picture.width} x {picture.height} pixels is above the limit of {max_pixels:,}"
        )


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:
        # Damaged EXIF beside sound pixels: the orientation is unknown, the picture is fine.
        return picture


def _plain(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        picture = _eight_bits(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        opaque = picture.getchannel("A").getextrema() == (255, 255)
        return picture.convert("RGB") if opaque else picture
    if picture.mode == "L":
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    samples = np.asarray(picture)
    low, high = samples.min(), samples.max()
    limit = 1 if picture.mode == "F" else 65535
    # Written so that NaN fails too.
    if not (low >= 0 and high <= limit):
        raise ValueError(f"samples from {low} to {high} are outside [0, {limit}]")
    scaled = np.rint(samples * (255.0 / limit)).astype(np.uint8)
    return Image.fromarray(scaled)


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"too large to decode: {error}"
    return f"{error}" or type(error).__name__


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"'{path}' cannot be read as a picture.",
        why=reason,
        hint="repair the file or take it out of the folder.",
    )


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
