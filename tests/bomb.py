"""A small file that would become a large picture."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path


def write_bomb(path: Path, side: int = 12_000) -> None:
    """A PNG of a few hundred kilobytes that decodes to side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    squeezed = zlib.compressobj(9)
    row = b"\0" * (1 + side)
    data = b"".join([*(squeezed.compress(row) for _ in range(side)), squeezed.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
