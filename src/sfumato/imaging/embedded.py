"""Statements about colours that Pillow passes over: in AVIF, JPEG 2000 and BMP files.

Only the first bytes of a file are searched, and a profile of a limited length is read.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from sfumato.imaging.parts import PROFILE_LIMIT
from sfumato.imaging.profiles import Stated, stated_by_code

_JPEG_2000 = b"jP  \r\n\x87\n"
_BITMAP_HEADER, _LONG_HEADER, _EMBEDDED = 14, 124, b"DEBM"


def stated_in(file: BinaryIO, head: bytes) -> Stated | None:
    """The colours that a file states in a way of its format; None if it states none.

    Args:
        file: The file.
        head: Its first bytes.
    """
    if head[4:12] == b"ftypavif" or head[4:12] == b"ftypavis":
        return _of_avif(head)
    if head[4:12] == _JPEG_2000:
        return _of_jpeg_2000(file, head)
    if head.startswith(b"BM"):
        return _of_bitmap(file, head)
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


def _read(file: BinaryIO, place: int, length: int) -> Stated:
    if not 0 < length <= PROFILE_LIMIT:
        return Stated(None, damaged=True)
    file.seek(place)
    profile = file.read(length)
    return Stated(profile) if len(profile) == length else Stated(None, damaged=True)
