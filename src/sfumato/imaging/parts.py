"""Image files without what is not needed for their pixels: texts, thumbnails, later frames.

Decoders read such parts into memory, inflate them, or join them in quadratic time, and a damaged
one can cost the picture. A file is walked once, from header to header, and the decoder sees the
parts that count, one after the other; nothing is copied.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from typing_extensions import Buffer

PROFILE_LIMIT = 8 << 20
"""Bytes of the largest colour profile that is used; those of printers have up to three million."""

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_PROFILE = b"ICC_PROFILE\0"
_START_OF_SCAN = 0xDA
_SEGMENT_LIMIT = 100_000
_END_OF_JPEG = b"\xff\xd9"
_SCAN_LIMIT = 100
# In the compressed pixels, 0xFF is followed by 0 or by a mark to restart at.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_GIF_IMAGE, _GIF_EXTENSION, _GIF_CONTROL = b",", b"!", 0xF9


class Parts(io.RawIOBase):
    """Parts of a file as one file, read-only.

    Args:
        file: The whole file.
        parts: Begin and end of each part in it.
        end: Bytes that follow the last part.
    """

    def __init__(self, file: BinaryIO, parts: list[tuple[int, int]], end: bytes = b"") -> None:
        self._file = file
        self._parts = _merged(parts)
        self._end = end
        self._starts = [0]
        for begin, stop in self._parts:
            self._starts.append(self._starts[-1] + stop - begin)
        self._size = self._starts[-1] + len(end)
        self._place = self._number = 0

    def readable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See :class:`io.RawIOBase`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """See :class:`io.RawIOBase`."""
        return self._place

    def readinto(self, buffer: Buffer) -> int:
        """See :class:`io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        data = self._piece(len(view))
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _piece(self, most: int) -> bytes:
        """At most so many bytes at the present place, from one part."""
        if self._place >= self._starts[-1]:
            start = self._place - self._starts[-1]
            return self._end[start : start + most]
        # Reading goes on where it was, so the part is rarely far away.
        while self._place < self._starts[self._number]:
            self._number -= 1
        while self._place >= self._starts[self._number + 1]:
            self._number += 1
        begin, stop = self._parts[self._number]
        offset = self._place - self._starts[self._number]
        self._file.seek(begin + offset)
        return self._file.read(min(most, stop - begin - offset))


def _merged(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts that are not empty, neighbours joined."""
    merged: list[tuple[int, int]] = []
    for begin, end in parts:
        if merged and merged[-1][1] == begin:
            merged[-1] = merged[-1][0], end
        elif end > begin:
            merged.append((begin, end))
    return merged


def size_of(file: BinaryIO) -> int:
    """The length of a file in bytes."""
    return file.seek(0, os.SEEK_END)


def jpeg_parts(file: BinaryIO, closed: bool = False) -> BinaryIO:
    """A JPEG without comments, thumbnails and what programs add to it.

    EXIF data, XMP and a colour profile are kept, the first of each.

    Args:
        file: The file.
        closed: Whether to add an end, so that a file whose end is missing can be decoded.

    Raises:
        ValueError: Its pixels are stored in more scans than any program writes.
    """
    parts = [(0, 2)]
    kept: set[bytes] = set()
    profile, place, size = 0, 2, size_of(file)
    for marker, begin, end, head in _segments(file, size):
        place = end
        if marker == 0xE1:
            kind = next((start for start in (_EXIF, _XMP) if head.startswith(start)), b"")
            if not kind or kind in kept:
                continue
            kept.add(kind)
        elif marker == 0xE2:
            profile += end - begin
            if not head.startswith(_PROFILE) or profile > PROFILE_LIMIT:
                continue
        elif marker == 0xFE or (0xE0 < marker <= 0xEF and marker != 0xEE):
            continue
        parts.append((begin, end))
    parts.append((place, size))
    _require_few_scans(file, place)
    return io.BufferedReader(Parts(file, parts, _END_OF_JPEG if closed else b""))


def _segments(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Marker, begin, end and first bytes of each segment before the pixels."""
    place = 2
    for _ in range(_SEGMENT_LIMIT):
        file.seek(place)
        head = file.read(4 + len(_XMP))
        if len(head) < 4 or head[0] != 0xFF or head[1] == _START_OF_SCAN:
            return
        if head[1] == 0xFF or head[1] == 0x01 or 0xD0 <= head[1] <= 0xD8:
            # Fill bytes, and markers without content.
            place += 1 if head[1] == 0xFF else 2
            continue
        end = place + 2 + struct.unpack(">H", head[2:4])[0]
        yield head[1], place, min(end, size), head[4:]
        place = end


def _require_few_scans(file: BinaryIO, place: int) -> None:
    """Check how often decoding would go over all the pixels, which a small file can ask for.

    Raises:
        ValueError: There are too many scans, or segments between them.
    """
    scans = 0
    for _ in range(_SCAN_LIMIT * 20):
        place = _next_marker(file, place)
        file.seek(place)
        head = file.read(4)
        if len(head) < 4 or head[1] == _END_OF_JPEG[1]:
            return
        scans += head[1] == _START_OF_SCAN
        if scans > _SCAN_LIMIT:
            break
        place += 2 + max(2, struct.unpack(">H", head[2:])[0])
    raise ValueError(f"its pixels are stored in more than {_SCAN_LIMIT} scans or many segments")


def _next_marker(file: BinaryIO, place: int) -> int:
    """The place of the next marker of a JPEG, or the end of the file."""
    while True:
        file.seek(place)
        block = file.read(1 << 16)
        found = _MARKER.search(block)
        if found is not None:
            return place + found.start()
        if len(block) < 2:
            return place + len(block)
        # The marker may begin with the last byte of the block.
        place += len(block) - 1


def gif_parts(file: BinaryIO) -> BinaryIO:
    """A GIF with its first frame alone, and without comments."""
    size = size_of(file)
    file.seek(0)
    place = gif_start(file.read(13))
    parts = [(0, place)]
    while place < size:
        file.seek(place)
        kind = file.read(1)
        if kind == _GIF_IMAGE:
            parts.append((place, _end_of_frame(file, place, size)))
            break
        if kind != _GIF_EXTENSION:
            # Not a GIF any more; the decoder says so.
            parts.append((place, size))
            break
        label = file.read(1)
        end = end_of_blocks(file, place + 2, size)
        if label == bytes([_GIF_CONTROL]):
            parts.append((place, end))
        place = end
    return io.BufferedReader(Parts(file, parts, b";"))


def gif_start(head: bytes) -> int:
    """Where the blocks of a GIF begin, after its header and the colours for all frames."""
    table = 3 << ((head[10] & 7) + 1) if len(head) > 10 and head[10] & 0x80 else 0
    return 13 + table


def _end_of_frame(file: BinaryIO, place: int, size: int) -> int:
    file.seek(place)
    head = file.read(10)
    table = 3 << ((head[9] & 7) + 1) if len(head) == 10 and head[9] & 0x80 else 0
    return end_of_blocks(file, place + 10 + table + 1, size)


def end_of_blocks(file: BinaryIO, place: int, size: int) -> int:
    """Where a sequence of blocks ends, each of which begins with its length."""
    file.seek(place)
    while place < size:
        length = file.read(1)
        place += 1
        if not length or not length[0]:
            break
        place += length[0]
        file.seek(length[0], os.SEEK_CUR)
    return min(place, size)
