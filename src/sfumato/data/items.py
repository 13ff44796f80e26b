"""The items of a data set in little memory, and a batch of them as a process sees it.

A million items are stored as a few arrays, not as a million objects.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

MOST_CAPTIONS = 64
"""The largest number of captions of an item that are used."""

T = TypeVar("T")
_AT_ONCE = 4096


class Lazy(Sequence[T]):
    """A sequence whose members are created when they are used; a slice is a list."""

    @abstractmethod
    def _member(self, place: int) -> T:
        """Create the member at a place in [0, len(self))."""

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...

    def __getitem__(self, place: int | slice) -> T | list[T]:
        """One member, or a list of members.

        Raises:
            IndexError: The place is out of range.
        """
        places = range(len(self))[place]
        if isinstance(places, range):
            return [self._member(number) for number in places]
        return self._member(places)


@dataclass(frozen=True, eq=False)
class Strings(Lazy[str]):
    """Many short strings in two arrays.

    Attributes:
        data: The strings in UTF-8, concatenated, uint8.
        offsets: The begin of each string and the end of the last one, int64, shape (N + 1,).
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

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _AT_ONCE):
            offsets = self.offsets[first : first + _AT_ONCE + 1].tolist()
            data = self.data[offsets[0] : offsets[-1]].tobytes()
            start = 0
            for end in offsets[1:]:
                yield data[start : end - offsets[0]].decode()
                start = end - offsets[0]

    def _member(self, place: int) -> str:
        return self.data[self.offsets[place] : self.offsets[place + 1]].tobytes().decode()

    def take(self, places: NDArray[np.int64]) -> Strings:
        """The strings at some places, in that order."""
        return pack_strings(self[int(place)] for place in places)


class Packer:
    """Concatenates strings one by one into :class:`Strings`."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._offsets = array("q", [0])

    def add(self, string: str) -> None:
        """Add the next string."""
        self._data += string.encode()
        self._offsets.append(len(self._data))

    def finish(self) -> Strings:
        """All strings; nothing can be added after this."""
        return Strings(np.frombuffer(self._data, np.uint8), np.frombuffer(self._offsets, np.int64))


def pack_strings(strings: Iterable[str]) -> Strings:
    """Concatenate strings."""
    packer = Packer()
    for string in strings:
        packer.add(string)
    return packer.finish()


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a data set: a file, or a part of one.

    Attributes:
        path: Path of the file relative to the root, with ``/`` as separator.
        label: The name of its class, if it has one.
        caption: A description in words, if it has one; each of its lines is a variant, see
            :attr:`captions`.
        group: The name of its group of near-duplicates. A group is never divided between training
            and held-out data. ``None`` means that the item is a group of its own.
        part: Number of the part of the file, from 0, where a medium divides files.
        held_out: Whether the data hold it out from training; None if they do not say.
        fields: The further columns of its metadata by name in lower case, strings and finite
            numbers; None without any.
    """

    path: str
    label: str | None = None
    caption: str | None = None
    group: str | None = None
    part: int = 0
    held_out: bool | None = None
    fields: Mapping[str, str | float] | None = field(default=None, hash=False)

    @property
    def name(self) -> str:
        """The path, with the number of the part for all parts but the first."""
        return f"{self.path}#{self.part}" if self.part else self.path

    @property
    def captions(self) -> tuple[str, ...]:
        """The variants of the caption: its lines that are not empty, the first 64 of them."""
        return tuple(islice(lines_of_caption(self.caption or ""), MOST_CAPTIONS))


def lines_of_caption(caption: str) -> Iterator[str]:
    """The lines of a caption that are not empty, without white space around them."""
    return filter(None, map(str.strip, caption.splitlines()))


@dataclass(frozen=True)
class Items(Lazy[Item]):
    """Items in two arrays, which take about forty bytes per item besides the names.

    An item is created each time it is used, which takes about two microseconds.

    Attributes:
        records: See :func:`record`.
    """

    records: Strings

    @classmethod
    def of(cls, items: Iterable[Item]) -> Items:
        """Pack items; items that are packed already are returned as they are."""
        return items if isinstance(items, Items) else cls(pack_strings(map(record, items)))

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Item]:
        for text in self.records:
            yield Item(*json.loads(text))

    def _member(self, place: int) -> Item:
        return Item(*json.loads(self.records[place]))


def record(item: Item) -> str:
    """The fields of an item as a JSON list, without empty fields at the end."""
    fields: list[object] = [item.path, item.label, item.caption, item.group]
    if item.part or item.held_out is not None or item.fields:
        fields.append(item.part)
    if item.held_out is not None or item.fields:
        fields.append(item.held_out)
    if item.fields:
        fields.append(dict(item.fields))
    while fields[-1] is None:
        fields.pop()
    return json.dumps(fields)


def count_groups(items: Iterable[Item]) -> int:
    """The number of independent items: a group counts as one."""
    alone, groups = 0, set()
    for item in items:
        if item.group is None:
            alone += 1
        else:
            groups.add(item.group)
    return alone + len(groups)


class Groups(Lazy[str]):
    """The group of each item, see :class:`Item`; its path if it is a group of its own."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return (_group(item) for item in self._items)

    def _member(self, place: int) -> str:
        return _group(self._items[place])


def _group(item: Item) -> str:
    return item.path if item.group is None else item.group


class Encoded(NamedTuple):
    """A batch of items as a process sees them.

    Attributes:
        x0: Clean data, float32, shape (B, C, *sides).
        filled: The share of its extent that each item fills, in [0, 1], shape (B,); None if all
            items fill theirs.
    """

    x0: Tensor
    filled: Tensor | None = None
