"""Many short strings as two arrays: a million of them are not a million objects."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.media.data.lazy import Lazy

_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Strings(Lazy[str]):
    """Many short strings in two arrays.

    Attributes:
        data: Their UTF-8, laid end to end, uint8.
        offsets: Where each begins, and at last where all end, int64 of shape (N + 1,).
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Strings):
            return NotImplemented
        same = np.array_equal(self.offsets, other.offsets)
        return same and np.array_equal(self.data, other.data)

    __hash__ = None  # type: ignore[assignment]  # like any other sequence of so many

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _AT_ONCE):
            offsets = self.offsets[first : first + _AT_ONCE + 1].tolist()
            data = self.data[offsets[0] : offsets[-1]].tobytes()
            start = 0
            for end in offsets[1:]:
                yield data[start : end - offsets[0]].decode()
                start = end - offsets[0]

    def _made(self, place: int) -> str:
        return self.data[self.offsets[place] : self.offsets[place + 1]].tobytes().decode()

    def take(self, places: NDArray[np.int64]) -> Strings:
        """Those at some places, in that order."""
        return pack_strings(self[int(place)] for place in places)


class Packer:
    """Lays strings end to end as they come."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._offsets = array("q", [0])

    def add(self, string: str) -> None:
        """Take the next one."""
        self._data += string.encode()
        self._offsets.append(len(self._data))

    def finish(self) -> Strings:
        """All of them; nothing can be added any more."""
        return Strings(np.frombuffer(self._data, np.uint8), np.frombuffer(self._offsets, np.int64))


def pack_strings(strings: Iterable[str]) -> Strings:
    """Lay strings end to end."""
    packer = Packer()
    for string in strings:
        packer.add(string)
    return packer.finish()
