"""CAF files whose samples have no stated size, as an iPhone writes them while it records.

The size -1 stands for "up to the end of the file" (Apple Core Audio Format Specification 1.0). It
is replaced while the file is read, and so is one that reaches beyond the end.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

from sfumato.sound.splice import Spliced

_MOST_CHUNKS = 4096
_MOST_HEADER_BYTES = 1 << 20


def is_caf(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a CAF file."""
    return head[:4] == b"caff"


def repaired(path: Path) -> tuple[io.RawIOBase, str]:
    """Open a CAF file for a decoder, with the size that its samples have.

    Returns:
        The opened file, and what was wrong with its header, or an empty text.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size, place = file.seek(0, io.SEEK_END), 8
        for _ in range(_MOST_CHUNKS):
            file.seek(place)
            head = file.read(12)
            if len(head) < 12 or place > _MOST_HEADER_BYTES:
                break
            kind, length = struct.unpack(">4sq", head)
            room = size - place - 12
            if kind == b"data" and not 4 < length <= room and room > 4:
                file.seek(0)
                header = file.read(place + 4) + struct.pack(">q", room)
                note = (
                    "the header states more samples than there are"
                    if length > room
                    else "the header does not state how many samples there are"
                )
                return Spliced(path, header, place + 12, room), note
            if kind == b"data" or length < 0:
                break
            place += 12 + length
    return io.FileIO(path), ""
