"""The formats of image files that are read, and finding out which of them a file is in."""

from __future__ import annotations

import importlib
import struct
import threading
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, BinaryIO

from PIL import Image, ImageFile

from sfumato.data.signature import brands_of, named_content
from sfumato.errors import MissingExtra

# An explicit list: Pillow also opens formats that start other programs (EPS runs Ghostscript) or
# that only some systems know.
_FORMATS = (
    "PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "ICO",
    "JPEG2000", "QOI", "PCX", "SGI",
)  # fmt: skip
_AVIF = frozenset((b"avif", b"avis"))
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_DAMAGE = (SyntaxError, IndexError, TypeError, struct.error)
"""What readers of headers raise on damaged files."""

_UNKNOWN_SAMPLES = "unknown pixel mode"

# warnings.catch_warnings affects the whole process, so only one thread may be inside.
_WARNINGS = threading.Lock()


def knows_heic() -> bool:
    """Whether the package that reads HEIC photos is installed."""
    return find_spec("pillow_heif") is not None


def identified(file: BinaryIO, head: bytes) -> ImageFile.ImageFile:
    """Open a file as what its first bytes say it is; no pixel is decoded.

    Args:
        file: The file, as its decoder is to see it.
        head: Its first bytes, see :data:`~sfumato.data.signature.HEAD_BYTES`.

    Raises:
        ValueError: It is not an image in a known format, or its header is damaged.
        MissingExtra: It is a HEIC photo, and the package for these is not installed.
    """
    # Pillow's own `open` refuses more than 178 megapixels in its words, for the whole process.
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not is_avif(head) and not _HEIC.isdisjoint(brands_of(head)):
            return _heic(file)
        damage = ""
        for name in _known_formats():
            factory, accept = Image.OPEN[name]
            if not (is_avif(head) if name == "AVIF" else _begins_as(accept, head[:16])):
                continue
            file.seek(0)
            try:
                return factory(file, "")
            except _DAMAGE as error:
                # A format without a signature is tried on every file.
                damage = damage if accept is None else _damaged(name, error)
    content = named_content(head)
    unknown = "not an image in a known format"
    raise ValueError(damage or (f"{unknown}: {content}" if content else unknown))


def is_avif(head: bytes) -> bool:
    """Whether a file is AVIF, by any of its brands: the first one may be that of any picture."""
    return not _AVIF.isdisjoint(brands_of(head))


def _begins_as(accept: Callable[[bytes], bool | str] | None, start: bytes) -> bool:
    """Whether a file that begins with some bytes, 16 if it has so many, may be of a format."""
    try:
        return accept is None or accept(start) is True
    except (IndexError, struct.error):  # It has fewer bytes than the signature.
        return False


def _damaged(name: str, error: Exception) -> str:
    """Why a file of a known format cannot be opened, without words about a decoder's variables."""
    words = str(error)
    if words == _UNKNOWN_SAMPLES:
        return f"the samples of this {name} file are of a kind that cannot be read; store it as PNG"
    # Pillow wraps what its own code stumbled over.
    wrapped = bool(error.args) and isinstance(error.args[0], Exception)
    if wrapped or not isinstance(error, SyntaxError) or "driver" in words:
        words = "its header is wrong or ends early"
    return f"it is a damaged {name} file: {words}"


def _heic(file: BinaryIO) -> ImageFile.ImageFile:
    if not knows_heic():
        raise MissingExtra("pillow-heif", "heic", "Reading HEIC photos")
    plugin: Any = importlib.import_module("pillow_heif.as_plugin")
    file.seek(0)
    try:
        image: ImageFile.ImageFile = plugin.HeifImageFile(file, "")
    except (*_DAMAGE, ValueError, RuntimeError) as error:
        raise ValueError(f"it is a damaged HEIC file: {error}") from error
    return image


@cache
def _known_formats() -> tuple[str, ...]:
    # A build of Pillow may lack some formats, such as AVIF, and requesting those is an error.
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)
