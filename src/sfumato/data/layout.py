"""What the folders of a data set mean: classes, parts such as train and test, or nothing.

::

    cats/1.png  dogs/2.png                  two classes
    photos/cats/1.png  photos/dogs/2.png    the same, in a folder around them
    train/cats/1.png  test/cats/2.png  ...  parts at the first level, classes below
    cats/train/1.png  cats/test/2.png  ...  classes at the first level, parts below
    train/cats/1.png  test/1.png  ...       the same, with a test part without labels
    train/1.png  test/2.png                 parts without classes

Folders are classes if there are at least two of them, and if more files lie in them than beside
them. The files beside them have no label.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from sfumato.data.metadata import SPLITS

# Deeper folders mean nothing.
_DEPTH = 8


class Folders:
    """Counts the files of each folder, to find out what the folders mean."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, path: str) -> None:
        """Count a file."""
        self._counts[_parts(path)] += 1

    def layout(self) -> Layout:
        """What the folders mean."""
        depth, inner = _unwrapped(self._counts)
        first = {parts[0] for parts in inner if parts}
        if {True, False} <= {SPLITS.get(name.lower()) for name in first}:
            wrapped, below = _unwrapped(_without(_trained_on(inner), 1))
            if not _are_classes(below):
                return Layout(None, depth, _no_classes(below))
            classes = frozenset(_composed(parts[0]) for parts in below if parts)
            return Layout(depth + 1 + wrapped, depth, classes=classes)
        if not _are_classes(inner):
            return Layout(no_classes=_no_classes(inner))
        second = {parts[1] if len(parts) > 1 else "" for parts in inner if parts}
        parts_below = {SPLITS.get(name.lower()) for name in second} == {True, False}
        return Layout(depth, depth + 1 if parts_below else None)


class Layout(NamedTuple):
    """What the folders of a data set mean.

    Attributes:
        label_depth: The level of the folders that are classes, from 0; None if there are none.
        split_depth: The level of the folders that are parts, such as train; None if there are none.
        no_classes: Number of folders that are no classes, since more files lie beside them.
        classes: Names of the folders that are classes; None if all at their level are.
    """

    label_depth: int | None = None
    split_depth: int | None = None
    no_classes: int = 0
    classes: frozenset[str] | None = None

    def label(self, path: str) -> str | None:
        """The class of a file by its folder."""
        parts = _parts(path)
        if self.label_depth is None or len(parts) <= self.label_depth:
            return None
        name = _composed(parts[self.label_depth])
        return name if self.classes is None or name in self.classes else None

    def held_out(self, path: str) -> bool | None:
        """Whether the folder of a file holds it out; None without such folders."""
        if self.split_depth is None:
            return None
        parts = _parts(path)
        name = parts[self.split_depth].lower() if len(parts) > self.split_depth else ""
        return SPLITS.get(name, False)


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("/", _DEPTH)[:-1])


def _unwrapped(
    counts: Mapping[tuple[str, ...], int],
) -> tuple[int, Mapping[tuple[str, ...], int]]:
    """The counts without the folders around nearly all files, and the number of these folders."""
    depth = 0
    while len({parts[0] for parts in counts if parts}) == 1 and not _mostly_beside(counts):
        depth, counts = depth + 1, _without(counts, 1)
    return depth, counts


def _trained_on(counts: Mapping[tuple[str, ...], int]) -> Mapping[tuple[str, ...], int]:
    """The counts without those in folders that are held out.

    The test part of many data sets has no labels, however large it is.
    """
    return {
        parts: count
        for parts, count in counts.items()
        if not parts or not SPLITS.get(parts[0].lower(), False)
    }


def _without(counts: Mapping[tuple[str, ...], int], depth: int) -> Counter[tuple[str, ...]]:
    """The counts without the first levels of folders."""
    inner: Counter[tuple[str, ...]] = Counter()
    for parts, count in counts.items():
        inner[parts[depth:]] += count
    return inner


def _are_classes(counts: Mapping[tuple[str, ...], int]) -> bool:
    return len({parts[0] for parts in counts if parts}) > 1 and not _mostly_beside(counts)


def _no_classes(counts: Mapping[tuple[str, ...], int]) -> int:
    folders = len({parts[0] for parts in counts if parts})
    return folders if folders > 1 and _mostly_beside(counts) else 0


def _mostly_beside(counts: Mapping[tuple[str, ...], int]) -> bool:
    """Whether at least half of the files lie in no folder."""
    return 2 * counts.get((), 0) >= sum(counts.values())
