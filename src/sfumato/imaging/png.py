"""What a PNG says about its pixels besides them: depth, transparent colour, meaning of colours."""

from __future__ import annotations

import io
import struct
import zlib
from typing import BinaryIO, NamedTuple

from sfumato.imaging.parts import PROFILE_LIMIT, Parts, size_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_LIMIT = 1_000_000
_TEXT_LIMIT = 1 << 16
_NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf")
# The keywords of texts in which some programs write the orientation.
_ORIENTATION = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")
_SMALL = {b"tRNS": 6, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}


class PngFacts(NamedTuple):
    """What a PNG says about its pixels.

    Attributes:
        depth: Bits of a sample.
        colour: The type of colour: 0 grey, 2 RGB, 3 a palette, 4 grey with alpha, 6 RGB with alpha.
        key: The samples of the one transparent colour of a PNG without alpha; None if none is.
        profile: The embedded colour profile; empty if it is damaged; None if there is none.
        srgb: Whether its colours are declared to be sRGB.
        gamma: The exponent of its samples, as stored (about 1 / 2.2).
        chromaticities: x and y of white, red, green and blue.
        code: The numbers of the primaries and of the transfer function in ITU-T H.273.
    """

    depth: int
    colour: int
    key: tuple[int, ...] | None = None
    profile: bytes | None = None
    srgb: bool = False
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    code: tuple[int, int] | None = None


def read_png(file: BinaryIO) -> tuple[PngFacts, BinaryIO]:
    """The facts of a PNG, and the file without the chunks that are not needed to decode it.

    Raises:
        ValueError: The file has no header, or more than a million chunks.
    """
    size = size_of(file)
    parts = [(0, 8)]
    small: dict[bytes, bytes] = {}
    profile: bytes | None = None
    header = b""
    place = 8
    for _ in range(_CHUNK_LIMIT):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        end = min(place + 12 + length, size)
        if kind == b"IHDR":
            header = file.read(13)
        elif kind == b"iCCP" and profile is None:
            profile = _profile(file.read(min(length, PROFILE_LIMIT)))
        elif kind in _SMALL and length >= (1 if kind == b"sRGB" else 2):
            small.setdefault(kind, file.read(min(length, _SMALL[kind])))
        if kind in _NEEDED or _is_orientation(kind, length, file):
            parts.append((place, end))
        place = end
        if kind == b"IEND":
            break
    else:
        raise ValueError(f"it has more than {_CHUNK_LIMIT:,} chunks")
    if len(header) < 13:
        raise ValueError("its header is missing")
    view = io.BufferedReader(Parts(file, parts))
    return _facts(header[8], header[9], small, profile), view


def _facts(depth: int, colour: int, small: dict[bytes, bytes], profile: bytes | None) -> PngFacts:
    key = gamma = chromaticities = code = None
    count = {0: 1, 2: 3}.get(colour)
    transparent = small.get(b"tRNS", b"")
    if count is not None and len(transparent) >= 2 * count:
        samples = struct.unpack(f">{count}H", transparent[: 2 * count])
        # Only the bits of a sample count.
        key = tuple(sample & ((1 << depth) - 1) for sample in samples)
    if len(small.get(b"gAMA", b"")) == 4:
        gamma = struct.unpack(">I", small[b"gAMA"])[0] / 100_000 or None
    if len(small.get(b"cHRM", b"")) == 32:
        chromaticities = tuple(value / 100_000 for value in struct.unpack(">8I", small[b"cHRM"]))
    if len(small.get(b"cICP", b"")) == 4:
        code = small[b"cICP"][0], small[b"cICP"][1]
    return PngFacts(depth, colour, key, profile, b"sRGB" in small, gamma, chromaticities, code)


def _profile(content: bytes) -> bytes:
    """The profile of an iCCP chunk; empty if it is damaged or too large."""
    name, end, rest = content.partition(b"\0")
    if not end or len(name) > 79 or rest[:1] != b"\0":
        return b""
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], PROFILE_LIMIT)
    except zlib.error:
        return b""
    return profile if inflater.eof else b""


def _is_orientation(kind: bytes, length: int, file: BinaryIO) -> bool:
    """Whether a chunk is a text that may say how the picture is to be turned."""
    if kind not in (b"tEXt", b"zTXt", b"iTXt") or length > _TEXT_LIMIT:
        return False
    content = file.read(length)
    if not content.startswith(_ORIENTATION):
        return False
    if kind == b"tEXt":
        return True
    rest = content.partition(b"\0")[2]
    if kind == b"iTXt":
        # Not compressed: flag, method, and two empty texts.
        return rest.startswith(b"\0\0\0\0")
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(rest[1:], 8 * _TEXT_LIMIT)
    except zlib.error:
        return False
    return inflater.eof
