"""Files as strangers, bad disks and bad luck make them."""

from __future__ import annotations

import random
from collections.abc import Sequence

_MAGIC = (
    b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\0",
    b"{", b"[" * 200, b'"', b"\xef\xbb\xbf", b"\n", b"-1", b"1e999", b"NaN", b"../../x",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], draw: random.Random) -> bytes:
    """One of some sound files after one to four changes."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.choice((1, 1, 2, 4))):
        _change(data, seeds, draw)
    return bytes(data)


def _change(data: bytearray, seeds: Sequence[bytes], draw: random.Random) -> None:
    # Half of all changes fall into the first bytes, where headers are.
    most = min(len(data), 96) if draw.random() < 0.5 else len(data)
    place = draw.randrange(most + 1)
    length = min(1 << draw.randrange(12), len(data) - place)
    match draw.randrange(7):
        case 0:
            for _ in range(draw.choice((1, 3, 16))):
                if data:
                    data[draw.randrange(max(most, 1))] ^= 1 << draw.randrange(8)
        case 1:
            del data[place:]
        case 2:
            del data[place : place + length]
        case 3:
            data[place:place] = data[place : place + length]
        case 4:
            magic = draw.choice(_MAGIC)
            data[place : place + len(magic)] = magic
        case 5:
            data[place : place + length] = draw.randbytes(length)
        case _:
            other = draw.choice(seeds)
            data[place:] = other[draw.randrange(len(other) + 1) :]
