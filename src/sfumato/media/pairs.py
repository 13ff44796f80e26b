"""Pairs: items of a folder inside that of the data, each beside an item of the data.

They are found, decoded and cached as any other items of the medium, so an item and its pair have
the same size, channels or rate, and are augmented alike. Links that lead out of the folder of the
pairs are not followed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sfumato.conditioning.condition import Condition, Source, Value
from sfumato.conditioning.file import PairFile
from sfumato.conditioning.pair import Pair, matched
from sfumato.data.building import Progress, opened
from sfumato.data.dataset import Dataset
from sfumato.data.index import Index, scan
from sfumato.data.items import Item, Items
from sfumato.data.selection import Selection
from sfumato.data.walk import Rejected
from sfumato.errors import DataError
from sfumato.media.coding import Coding


@dataclass(frozen=True)
class Pairs:
    """The decoded pairs of one condition.

    Attributes:
        root: Their folder.
        dataset: The pairs.
        rows: The place of each in the data set, by its absolute path and its part.
    """

    root: Path
    dataset: Dataset
    rows: Mapping[tuple[str, int], int]

    @classmethod
    def of(cls, dataset: Dataset, root: Path) -> Pairs:
        """The pairs in a data set, whose paths are relative to a folder."""
        place = _absolute(root)
        rows = {(place + item.path, item.part): row for row, item in enumerate(dataset.items)}
        return cls(root, dataset, rows)

    def content(self, value: Value) -> str:
        """The digest of the decoded content of a pair."""
        digest: bytes = self.dataset.digests[self._row(value)].tobytes()
        return digest.hex()

    def source(self, medium: Coding, uniforms: Tensor | None = None) -> Source:
        """Encodes pairs as their items are encoded, for :meth:`Pair.rows`.

        Args:
            medium: The medium, settled on the items.
            uniforms: The numbers that the items are augmented by, shape (B, ``variations``).
        """

        def encoded(values: Sequence[Any]) -> Tensor:
            places = [row for row, value in enumerate(values) if value is not None]
            items = np.zeros((len(values), *medium.shape), medium.dtype)
            items[places], _ = self.dataset.gather([self._row(values[row]) for row in places])
            return medium.examples(items, uniforms).x0

        return encoded

    def _row(self, value: Value) -> int:
        if not isinstance(value, PairFile):
            raise TypeError(f"a pair is a file, not {value!r}")
        return self.rows[value.path, value.part]


def apart(conditions: Mapping[str, Condition], selection: Selection) -> Selection:
    """The selection without the folders of pairs, whose files are no items themselves."""
    folders = (each.place(name) for name, each in _pairs_in(conditions))
    patterns = ("/" + "".join(map(_literal, folder)) for folder in folders)
    return selection._replace(exclude=(*selection.exclude, *patterns))


def shaped(conditions: Mapping[str, Condition], medium: Coding) -> dict[str, Condition]:
    """Conditions with the shape of pairs, which is that of the items."""
    shape = {"shape": medium.signal_shape}
    return {
        name: each.model_copy(update=shape) if isinstance(each, Pair) else each
        for name, each in conditions.items()
    }


def pairing(
    dataset: Dataset,
    root: Path,
    conditions: Mapping[str, Condition],
    medium: Coding,
    outputs: bool = False,
) -> Generator[Progress, None, tuple[Dataset, dict[str, Pairs]]]:
    """Find and decode the pairs of items; yields the progress of reading them.

    Args:
        dataset: The items.
        root: Their folder.
        conditions: The conditions of the recipe.
        medium: The medium of the items.
        outputs: Whether samples that Sfumato made are used.

    Returns:
        The data set, in which the items have the paths of their pairs among their fields, and the
        pairs by the names of their conditions.

    Raises:
        DataError: None of the files of the pairs can be read, or their folder is a link to a place
            outside that of the data.
    """
    pairs: dict[str, Pairs] = {}
    for name, each in _pairs_in(conditions):
        folder = each.place(name)
        found = None
        if (root / folder).is_dir():
            found = yield from _decoded(root, folder, medium, outputs)
        rejected: list[Rejected] = []
        if found is not None:
            pairs[name] = found
            rejected = [one._replace(path=f"{folder}/{one.path}") for one in found.dataset.rejected]
        paths = _paths(dataset.items, each, name, found, rejected)
        items = Items.of(map(partial(_with_path, column=each.column(name)), dataset.items, paths))
        dataset = replace(dataset, items=items, rejected=(*dataset.rejected, *rejected))
    return dataset, pairs


def _pairs_in(conditions: Mapping[str, Condition]) -> Iterator[tuple[str, Pair]]:
    return ((name, each) for name, each in conditions.items() if isinstance(each, Pair))


def _literal(character: str) -> str:
    """A character as it stands in a pattern."""
    return f"[{character}]" if character in "[*?" else character


def _decoded(
    root: Path, folder: str, medium: Coding, outputs: bool
) -> Generator[Progress, None, Pairs | None]:
    """The pairs in a folder; None if no file in it is one."""
    place = root / folder
    if not _is_inside(os.path.realpath(place), root):
        raise DataError(
            f"The folder of the pairs '{place}' leads out of '{root}'.",
            why="it is a link, or lies in one",
            hint="copy the files into a folder of their own.",
        )
    try:
        index = scan(place, medium.kind, Selection(outputs=outputs))
    except DataError:  # The coverage of the condition says that there are too few.
        return None
    # A medium of its own, as one remembers the files that it has divided.
    index = _within(type(medium)(medium.settings).divided(index))
    if not len(index):
        return None
    for event in opened(index, medium):
        if isinstance(event, Dataset):
            return Pairs.of(event, place)
        yield event
    raise RuntimeError("opening ended without a data set")


def _within(index: Index) -> Index:
    """The index without links that lead out of its folder."""
    outside = [_leaves(index, item) for item in index.items]
    if not any(outside):
        return index
    left = [item.path for item, leaves in zip(index.items, outside, strict=True) if leaves]
    items = (item for item, leaves in zip(index.items, outside, strict=True) if not leaves)
    reasons = (Rejected(path, "a link that leaves the folder") for path in dict.fromkeys(left))
    return replace(
        index,
        items=Items.of(items),
        rejected=(*index.rejected, *reasons),
        stats=index.stats[~np.array(outside)],
        stamp=hashlib.sha256(repr((index.stamp, left)).encode()).hexdigest(),
    )


def _leaves(index: Index, item: Item) -> bool:
    path = index.file(item)
    return path.is_symlink() and not _is_inside(os.path.realpath(path), index.root)


def _is_inside(target: str, folder: Path) -> bool:
    return f"{target}/".startswith(f"{os.path.realpath(folder).rstrip('/')}/")


def _absolute(folder: Path) -> str:
    """The absolute path of a folder with a slash at its end."""
    return f"{folder.absolute().as_posix().rstrip('/')}/"


def _paths(
    items: Sequence[Item], pair: Pair, name: str, found: Pairs | None, rejected: list[Rejected]
) -> Iterator[str | None]:
    """The absolute path of the pair of each item; None without one.

    Metadata that name a file which is none of the pairs are added to ``rejected``.
    """
    if found is None:
        return repeat(None, len(items))
    folder, place = pair.place(name), _absolute(found.root)
    present = {path.removeprefix(place) for path, _ in found.rows}
    stated = [(item.fields or {}).get(pair.column(name)) for item in items]
    by_name = matched(dict.fromkeys(item.path for item in items), present, folder)
    paths: list[str | None] = []
    for item, own in zip(items, stated, strict=True):
        path = by_name.get(item.path) if own is None else str(own).replace("\\", "/")
        if own is not None and path not in present:
            rejected.append(Rejected(item.path, f"its {name} '{own}' is no pair in '{folder}'"))
        known = path is not None and (place + path, item.part) in found.rows
        paths.append(place + str(path) if known else None)
    return iter(paths)


def _with_path(item: Item, path: str | None, column: str) -> Item:
    """An item with the path of its pair among its fields."""
    fields = {key: value for key, value in (item.fields or {}).items() if key != column}
    if path is not None:
        fields[column] = path
    return replace(item, fields=fields or None)
