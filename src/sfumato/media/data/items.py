"""The items of a data set, and many of them in little memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sfumato.media.data.lazy import Lazy
from sfumato.media.data.strings import Strings, pack_strings


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the data set.

    Attributes:
        path: Relative to the root, with ``/`` between parts.
        label: The name of its class, if it has one.
        caption: A description in words, if it has one.
        group: Near-duplicates share it; a group is never divided between training and held-out
            data. ``None`` means that the item is a group of its own.
        part: Which part of the file it is, from 0, where a medium divides files.
    """

    path: str
    label: str | None = None
    caption: str | None = None
    group: str | None = None
    part: int = 0

    @property
    def name(self) -> str:
        """The path, and the number of the part for all but the first."""
        return f"{self.path}#{self.part}" if self.part else self.path


@dataclass(frozen=True)
class Items(Lazy[Item]):
    """Items in two arrays, about forty bytes and what their names need each.

    An item is made anew whenever it is asked for, which takes about two microseconds.

    Attributes:
        records: See :func:`record`.
    """

    records: Strings

    @classmethod
    def of(cls, items: Iterable[Item]) -> Items:
        """Pack items; those that are packed already stay as they are."""
        return items if isinstance(items, Items) else cls(pack_strings(map(record, items)))

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Item]:
        for text in self.records:
            yield Item(*json.loads(text))

    def _made(self, place: int) -> Item:
        return Item(*json.loads(self.records[place]))


def record(item: Item) -> str:
    """The fields of an item as a JSON list, without those at the end that say nothing."""
    fields: list[object] = [item.path, item.label, item.caption, item.group]
    if item.part:
        fields.append(item.part)
    while fields[-1] is None:
        fields.pop()
    return json.dumps(fields)


class Groups(Lazy[str]):
    """The group of each item, see :class:`Item`; its path where it is a group of its own.

    Args:
        items: Whose groups.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return (_group(item) for item in self._items)

    def _made(self, place: int) -> str:
        return _group(self._items[place])


def _group(item: Item) -> str:
    return item.path if item.group is None else item.group
