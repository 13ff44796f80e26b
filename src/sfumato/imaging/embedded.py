"""Statements about colours that Pillow passes over: in AVIF, JPEG 2000, BMP and GIF files.

Only headers are looked at, and a profile of a limited length is read.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from sfumato.imaging.formats import is_avif
from sfumato.imaging.parts import PROFILE_LIMIT, end_of_blocks, gif_start, size_of
from sfumato.imaging.profiles import Stated, stated_by_code

_JPEG_2000 = b"jP  \r\n\x87\n"
_GIF_PROFILE = b"\x0bICCRGBG1012"
_EXTENSIONS = 1000
_BITMAP_HEADER, _LONG_HEADER, _EMBEDDED = 14, 124, b"DEBM"


def stated_in(file: BinaryIO, head: bytes) -> Stated | None:
    """The colours that a file states in a way of its format; None if it states none.

    Args:
        file: The file.
        head: Its first bytes.
    """
    if is_avif(head):
        return _of_avif(head)
    if head[4:12] == _JPEG_2000:
        return _of_jpeg_2000(file, head)
    if head.startswith(b"BM"):
        return _of_bitmap(file, head)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _of_gif(file, head)
    return None


def _of_avif(head: bytes) -> Stated | None:
    """The box ``colr`` of numbers (ISO 23000-22, 7.3.6.5; ISO 14496-12, 12.1.5)."""
    place = head.find(b"colrnclx")
    numbers = head[place + 8 : place + 12]
    if place < 0 or len(numbers) < 4:
        return None
    return stated_by_code(*struct.unpack(">HH", numbers))


def _of_jpeg_2000(file: BinaryIO, head: bytes) -> Stated | None:
    """The box ``colr`` with a profile (ISO 15444-1, I.5.3.3): method 2, or 3 for any profile."""
    place = head.find(b"colr")
    if place < 4 or head[place + 4 : place + 5] not in (b"\2", b"\3"):
        return None
    length = struct.unpack(">I", head[place - 4 : place])[0] - 11
    return _read(file, place + 7, length)


def _of_bitmap(file: BinaryIO, head: bytes) -> Stated | None:
    """The profile of a bitmap with the longest header (BITMAPV5HEADER)."""
    if len(head) < _BITMAP_HEADER + _LONG_HEADER or head[14] != _LONG_HEADER:
        return None
    if head[_BITMAP_HEADER + 56 : _BITMAP_HEADER + 60] != _EMBEDDED:
        return None
    place, length = struct.unpack("<II", head[_BITMAP_HEADER + 112 : _BITMAP_HEADER + 120])
    return _read(file, _BITMAP_HEADER + place, length)


def _of_gif(file: BinaryIO, head: bytes) -> Stated | None:
    """The application extension ``ICCRGBG1`` before the first frame (ICC.1:2022, annex B.4)."""
    size, place = size_of(file), gif_start(head)
    for _ in range(_EXTENSIONS):
        file.seek(place)
        if file.read(1) != b"!":
            return None
        label = file.read(1 + len(_GIF_PROFILE))
        if label[1:] == _GIF_PROFILE:
            return _joined_blocks(file)
        place = end_of_blocks(file, place + 2, size)
    return None


def _joined_blocks(file: BinaryIO) -> Stated:
    profile = bytearray()
    while (length := file.read(1)) and length[0]:
        profile += file.read(length[0])
        if len(profile) > PROFILE_LIMIT:
            return Stated(None, damaged=True)
    return Stated(bytes(profile)) if length and profile else Stated(None, damaged=True)


def _read(file: BinaryIO, place: int, length: int) -> Stated:
    if not 0 < length <= PROFILE_LIMIT:
        return Stated(None, damaged=True)
    file.seek(place)
    profile = file.read(length)
    return Stated(profile) if len(profile) == length else Stated(None, damaged=True)
