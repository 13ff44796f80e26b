"""Reading one untrusted image file, with errors that say why a file cannot be read."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sfumato.data.index import FileKind
from sfumato.data.signature import named_file
from sfumato.errors import DataError, MissingExtra
from sfumato.imaging.decode import Wanted, decode
from sfumato.imaging.formats import knows_heic
from sfumato.imaging.svg import render_svg
from sfumato.regular import kind_of

_SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".jp2", ".j2k", ".qoi",
    ".pcx", ".sgi", ".svg",
)  # fmt: skip
_NO_PART = "it ends early, and no part of it can be read"
_DAMAGED = "its pixels are damaged"
_DAMAGED_OR_SHORT = "it is damaged or ends early"
_WORDS: Mapping[str, str] = {
    "truncated": _NO_PART,
    "unexpected end of file": _NO_PART,
    "cannot read full": _NO_PART,
    "not enough image data": _NO_PART,
    "expected to read": _NO_PART,
    "could not create decoder object": _DAMAGED_OR_SHORT,
    "failed to read next frame": _DAMAGED,
    "bmff parsing failed": _DAMAGED_OR_SHORT,
    "broken data stream": _DAMAGED,
    "unrecognized data stream": _DAMAGED,
    "decoder error": _DAMAGED,
}
"""What decoders say of damaged files, and what it means."""

HEIC_SUFFIXES = (".heic", ".heif", ".hif")
_FOREIGN_SUFFIXES = (
    ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".psd", ".xcf",
    ".jxl", ".exr", ".dds",
)  # fmt: skip
UNREAD: Mapping[str, str] = {
    **dict.fromkeys(_FOREIGN_SUFFIXES, "store the pictures as PNG or JPEG, which can be read"),
    **({} if knows_heic() else dict.fromkeys(HEIC_SUFFIXES, "pip install 'sfumato[heic]' to read")),
}
"""What to do about pictures in other formats, by suffix."""

IMAGES = FileKind("images", frozenset(_SUFFIXES + (HEIC_SUFFIXES if knows_heic() else ())))


def open_image(
    path: Path,
    max_pixels: int,
    side: int,
    white: int | None = None,
    truncated: bool = False,
    reduced: bool = True,
) -> Image.Image:
    """Decode an image upright, in mode ``L``, ``RGB`` or ``RGBA``, in sRGB.

    Animations and multi-page files give their first frame. EXIF orientation is applied, and colour
    profiles are converted. Samples of more than 8 bits are scaled, ``white`` to 255; without it
    floating-point ones must lie in [0, 1].

    Args:
        path: The file.
        max_pixels: Largest number of pixels that the header may declare.
        side: The side in pixels that the caller needs. A JPEG may come out smaller than it is
            stored, but never below twice this side; an SVG is rendered at about twice this side.
        white: The value of white in samples of more than 8 bits; None for that of the format.
        truncated: Whether a file whose end is missing is read as far as it goes.
        reduced: Whether a JPEG may come out smaller than it is stored.

    Raises:
        DataError: The file is missing, is not an image, is damaged, or is too large.
        MissingExtra: The file needs a package that is not installed, as SVG and HEIC do.
    """
    try:
        _require_file(path)
        if path.suffix.lower() == ".svg":
            return _drawn(path, 2 * side, max_pixels)
        return decode(path, Wanted(max_pixels, side if reduced else 0, white, truncated))
    except MissingExtra:
        raise
    # On damaged data decoders raise nearly anything: OSError, SyntaxError, struct.error, KeyError,
    # zlib.error, MemoryError. The file is at fault in every case.
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> DataError:
    return DataError(
        f"'{path}' cannot be read as an image.",
        why=_reason(error),
        hint="repair the file or take it out of the folder.",
    )


def _require_file(path: Path) -> None:
    """Refuse pipes and devices, which may never end, and files of no bytes."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise ValueError(f"it is {kind_of(found.st_mode)}, not a file")
    if not found.st_size:
        raise ValueError("it is empty")


def _drawn(path: Path, side: int, max_pixels: int) -> Image.Image:
    try:
        image = render_svg(path, side, max_pixels)
    except ValueError as error:
        foreign = str(error).startswith(("not an SVG drawing", "its text is not"))
        other = named_file(path) if foreign else None
        raise ValueError(f"{error}: {other}" if other else str(error)) from error
    opaque = image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else image


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a known format"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        # The reader of an inner picture, as in an icon, has a limit of its own.
        return "a picture inside it has more pixels than any is read with"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = f"{error}".strip() or type(error).__name__
    if not isinstance(error, OSError | ValueError | SyntaxError | RuntimeError):
        # A decoder stumbled over what it did not expect: its words are about its own variables.
        return f"{_DAMAGED_OR_SHORT} ({words})"
    meaning = next((text for part, text in _WORDS.items() if part in words.lower()), "")
    # What is said here in words of ours names the setting that helps.
    return words if "medium." in words or not meaning else f"{meaning} ({words})"
