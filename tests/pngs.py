"""PNG files written chunk by chunk, for what Pillow does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    extra: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG of 8 or 16 bits.

    Args:
        pixels: Shape (H, W, C): grey, grey with alpha, RGB, RGB with alpha.
        extra: Kinds and contents of chunks before the pixels.
        after: The same after the pixels.
    """
    height, width, channels = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, _TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def profile_chunk(profile: bytes) -> tuple[bytes, bytes]:
    """An iCCP chunk."""
    return b"iCCP", b"test\0\0" + zlib.compress(profile)
