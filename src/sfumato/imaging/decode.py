"""Decoding one untrusted image file to eight bits of sRGB.

Every file is converted to one of three modes with 8 bits per channel: ``L`` (grey), ``RGB``, or
``RGBA`` if some pixel is really transparent. The size that the header declares is checked before
any pixel is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from sfumato.data.signature import HEAD_BYTES
from sfumato.imaging import colour, samples
from sfumato.imaging.embedded import stated_in
from sfumato.imaging.formats import identified
from sfumato.imaging.limits import require_small, require_small_inside, require_small_tiles
from sfumato.imaging.parts import gif_parts, jpeg_parts
from sfumato.imaging.png import SIGNATURE, PngFacts, read_png
from sfumato.imaging.profiles import Stated, adobe_rgb, stated_by, stated_by_code

_COLOUR_SPACE, _INTEROPERABILITY, _UNCALIBRATED = 0xA001, 0xA005, 0xFFFF
_EXIF_IFD = 0x8769


class Wanted(NamedTuple):
    """What a caller needs of a file, and what it allows.

    Attributes:
        max_pixels: Largest number of pixels that the header may declare.
        side: The side in pixels that the caller needs. A JPEG may come out smaller than it is
            stored, but never below twice this side; 0 for the full size.
        white: The value of white in samples of more than eight bits; None for that of the format.
        truncated: Whether a file whose end is missing is read as far as it goes.
    """

    max_pixels: int
    side: int = 0
    white: int | None = None
    truncated: bool = False


@dataclass(frozen=True)
class Opened:
    """An image file whose header was read.

    Attributes:
        image: The image; its pixels are not decoded yet.
        png: What a PNG says besides its pixels; None for other formats.
        stated: Colours that other formats state besides; None if there are none.
        again: Opens the file once more.
    """

    image: ImageFile.ImageFile
    png: PngFacts | None
    stated: Stated | None
    again: Callable[[], ImageFile.ImageFile]

    def colours(self) -> Stated:
        """The colour profile that the file has or states in another way."""
        if self.png is not None:
            return stated_by(self.png)
        profile = self.image.info.get("icc_profile")
        if isinstance(profile, bytes) and profile:
            return Stated(profile)
        if self.stated is not None:
            return self.stated
        code = self.image.info.get("nclx_profile")
        if isinstance(code, dict):
            numbers = code.get("color_primaries"), code.get("transfer_characteristics")
            coded = stated_by_code(*(int(number or 0) for number in numbers))
            return coded or Stated(None)
        return Stated(adobe_rgb() if self._is_adobe() else None)

    def _is_adobe(self) -> bool:
        """Whether EXIF data name Adobe RGB as cameras do (DCF 2.0, 4.5.2)."""
        if self.image.format not in ("JPEG", "MPO", "TIFF"):
            return False
        # Damaged EXIF data name nothing.
        with suppress(Exception):
            exif = self.image.getexif()
            space = exif.get_ifd(_EXIF_IFD).get(_COLOUR_SPACE)
            named = exif.get_ifd(_INTEROPERABILITY).get(1)
            return space == _UNCALIBRATED and str(named).startswith("R03")
        return False


def decode(path: Path, wanted: Wanted) -> Image.Image:
    """Decode an image upright, in mode ``L``, ``RGB`` or ``RGBA``.

    Animations and multi-page files give their first frame. EXIF orientation is applied, and colour
    profiles are converted to sRGB.

    Raises:
        ValueError: The file is not an image, is too large, or is refused otherwise.
        Exception: Decoders raise nearly anything on damaged data.
    """
    with opened(path, wanted) as file:
        image = file.image
        require_small(image, wanted.max_pixels)
        require_small_tiles(image, wanted.max_pixels)
        stated, white = file.colours(), samples.white_of(image)
        if wanted.side:
            image.draft(None, (2 * wanted.side, 2 * wanted.side))
        values = samples.values_of(image, file.again, lambda one: load(one, wanted.truncated))
        # A decoder may find another size than the header declares.
        require_small(image, wanted.max_pixels)
        if values is None:
            colours, alpha = _parts(image, file.png)
        else:
            colours, alpha = _scaled(values, file.png, wanted.white, white)
        colours = _converted(colours, stated)
        return _upright(_joined(colours, alpha), image)


@contextmanager
def opened(path: Path, wanted: Wanted) -> Iterator[Opened]:
    """An image file with its header read.

    Raises:
        ValueError: The file is not an image in a known format.
        OSError: The file cannot be opened.
    """
    with ExitStack() as stack:

        def again() -> tuple[PngFacts | None, Stated | None, ImageFile.ImageFile]:
            file = stack.enter_context(path.open("rb"))
            head = file.read(HEAD_BYTES)
            require_small_inside(file, head, wanted.max_pixels)
            stated = stated_in(file, head)
            png, view = _view(file, head, wanted.truncated)
            image = identified(view, head)
            if png is not None and png.colour == 2 and png.key is not None:
                image.info["transparency"] = png.key
            return png, stated, image

        png, stated, image = again()
        yield Opened(image, png, stated, lambda: again()[2])


def _view(file: BinaryIO, head: bytes, truncated: bool) -> tuple[PngFacts | None, BinaryIO]:
    """The file as its decoder is to see it."""
    if head.startswith(SIGNATURE):
        return read_png(file)
    if head.startswith(b"\xff\xd8\xff"):
        return None, jpeg_parts(file, truncated)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return None, gif_parts(file)
    return None, file


def load(image: ImageFile.ImageFile, truncated: bool) -> None:
    """Decode the pixels of an image.

    Args:
        image: The image.
        truncated: Whether it is decoded as far as it goes if its end is missing.

    Raises:
        ValueError: Its end is missing.
        Exception: It is damaged in another way.
    """
    _read_in_few_blocks(image)
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error).lower():
            raise
        if not truncated:
            raise ValueError(
                "it ends early; medium.truncated=true reads files as far as they go"
            ) from error
        # The pixels that were decoded are there, and nothing more is to be decoded.
        image.tile = []
        if image._im is None or image.getbbox() is None:
            raise ValueError("it ends before its first pixel") from error


def _read_in_few_blocks(image: ImageFile.ImageFile) -> None:
    """Let a decoder be fed with a few large blocks instead of many small ones.

    Pillow joins all blocks that a decoder has not consumed yet, each time that it reads another.
    """
    file = image.fp
    if file is not None and image.tile:
        place = file.tell()
        size = file.seek(0, os.SEEK_END)
        file.seek(place)
        image.decodermaxblock = max(image.decodermaxblock, size // 16)


def _parts(image: Image.Image, png: PngFacts | None) -> tuple[Image.Image, Image.Image | None]:
    """Colours, in mode L, RGB, CMYK or LAB, and alpha, of an image of 8 bits or fewer."""
    if png is not None and png.key is not None and png.colour == 0:
        # Pillow compares the key with samples that it has already widened to eight bits.
        grey = image.convert("L")
        key = png.key[0] * 255 // ((1 << png.depth) - 1)
        return grey, grey.point([0 if level == key else 255 for level in range(256)])
    if image.mode in ("LA", "La"):
        image = image.convert("LA")
        return image.getchannel("L"), image.getchannel("A")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return image.convert("RGB"), image.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _scaled(
    values: NDArray[Any], png: PngFacts | None, white: int | None, stated: int
) -> tuple[Image.Image, Image.Image | None]:
    """Colours and alpha of samples of more than eight bits."""
    alpha: NDArray[Any] | None = None
    if values.ndim == 3 and values.shape[2] in (2, 4):
        # Some programs write the largest number for opaque, although white is a smaller one.
        opacity = values[..., -1]
        alpha = samples.eight_bits(opacity, white if opacity.max() <= (white or 0) else None)
        values = values[..., :-1]
    elif png is not None and png.key is not None:
        same = values.reshape(*values.shape[:2], -1) == png.key
        alpha = np.where(same.all(-1), 0, 255).astype(np.uint8)
    levels = samples.eight_bits(values, white, stated)
    colours = Image.fromarray(levels[..., 0] if levels.shape[2:] == (1,) else levels)
    return colours, None if alpha is None else Image.fromarray(alpha)


def _converted(colours: Image.Image, stated: Stated) -> Image.Image:
    """Colours in sRGB, in mode L or RGB."""
    if stated.profile is not None and colours.mode != "LAB":
        changed = colour.in_srgb(colours, stated.profile)
        if changed is not None:
            return changed
    if colours.mode == "LAB":
        return colour.of_lab(colours)
    return colours if colours.mode == "L" else colours.convert("RGB")


def _joined(colours: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha is None or alpha.getextrema() == (255, 255):
        return colours
    joined = colours.convert("RGB")
    joined.putalpha(alpha)
    return joined


def _upright(image: Image.Image, source: Image.Image) -> Image.Image:
    """Turn an image as the EXIF data of its source say."""
    try:
        orientation = source.getexif().get(0x0112)
    except Exception:
        # The EXIF data are damaged, so the orientation is unknown, but the pixels are intact.
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
