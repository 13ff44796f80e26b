"""Decoded items in one memory-mapped array: built once, then read at memory speed.

A cache folder is named by the data (paths, sizes, times) and by how they were read. It holds the
decoded items and all that is known about them as arrays, which are mapped into memory and not read:
opening a million takes as long, and as little memory, as opening ten. It can always be deleted: it
is rebuilt from the files. Files that cannot be read are set aside with their reasons, and the rest
go on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.errors import DataError, DiskFull, SfumatoError
from sfumato.media.data.array_file import ArrayWriter, open_array
from sfumato.media.data.classes import in_order
from sfumato.media.data.index import Index
from sfumato.media.data.items import Groups, Item, Items
from sfumato.media.data.repeats import repeats
from sfumato.media.data.split import split_by_group
from sfumato.media.data.strings import Strings
from sfumato.media.data.walk import Rejected
from sfumato.storage import default_cache, new_folder, write_bytes

_FORMAT = 2
_ARRAY, _TABLE = "data.npy", "table.json"
_ITEMS, _OFFSETS, _LABELS, _REPEATS = "items.npy", "offsets.npy", "labels.npy", "repeats.npy"


class Reader(Protocol):
    """What a medium must offer so that its items can be cached."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its elements."""

    @property
    def cache_key(self) -> str:
        """Everything that decides what ``read`` returns, as text."""

    def read(self, path: Path, part: int = 0) -> NDArray[Any]:
        """Decode a part of a file; raises :class:`SfumatoError` if it cannot be read."""


class Progress(NamedTuple):
    """How far a build has come: items done, of how many, and how many were set aside."""

    done: int
    total: int
    rejected: int


@dataclass(frozen=True)
class Dataset:
    """Items in memory-mapped form.

    Attributes:
        array: Shape (N, ...), read-only, on the disk.
        items: The N items, in the order of the array; each is made when it is asked for.
        labels: int64 indices into ``classes``, shape (N,), or ``None`` without labels.
        classes: The names of the classes: by number if all are numbers, else by name.
        rejected: What was set aside, and why.
        repeats: Pairs of items with equal content after decoding: the later, the first; int64
            indices, shape (M, 2).
        fingerprint: Of the data, as :class:`Index` defines it.
        folder: The cache folder.
    """

    array: NDArray[Any]
    items: Sequence[Item]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    repeats: NDArray[np.int64]
    fingerprint: str
    folder: Path

    @classmethod
    def open_or_build(
        cls,
        index: Index,
        reader: Reader,
        cache_dir: Path | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Dataset:
        """Open the cache of these data, building it first where it is missing or damaged.

        Raises:
            DataError: Not one file could be read.
            DiskFull: There is no room for the cache.
        """
        dataset = cls.open(index, reader, cache_dir)
        if dataset is None:
            for event in build(index, reader, cache_dir):
                if progress is not None:
                    progress(event)
            dataset = cls.open(index, reader, cache_dir)
        if dataset is None:
            raise DataError(
                f"The cache in '{cache_folder(index, reader, cache_dir)}' cannot be read back.",
                hint="check the disk, or set SFUMATO_CACHE to another folder.",
            )
        return dataset

    @classmethod
    def open(cls, index: Index, reader: Reader, cache_dir: Path | None = None) -> Dataset | None:
        """Open the cache of these data; ``None`` where it is missing or damaged."""
        folder = cache_folder(index, reader, cache_dir)
        try:
            table = json.loads((folder / _TABLE).read_bytes())
            count, classes = int(table["items"]), tuple(table["classes"])
            offsets = _integers(folder / _OFFSETS, count + 1)
            names = open_array(folder / _ITEMS, (int(offsets[-1]),), np.dtype(np.uint8))
            return cls(
                open_array(folder / _ARRAY, (count, *reader.shape), reader.dtype),
                Items(Strings(names, offsets)),
                _integers(folder / _LABELS, count) if classes else None,
                classes,
                tuple(Rejected(*pair) for pair in table["rejected"]),
                _integers(folder / _REPEATS, int(table["repeats"]), 2),
                index.fingerprint,
                folder,
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def duplicates(self) -> tuple[tuple[str, str], ...]:
        """The repeats by name."""
        return tuple(
            (self.items[later].name, self.items[first].name)
            for later, first in self.repeats.tolist()
        )

    @property
    def label_counts(self) -> dict[str, int]:
        """How many items each class has; empty without labels."""
        if self.labels is None:
            return {}
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def gather(self, indices: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        """Copy items out of the cache.

        Args:
            indices: Shape (B,), each in [0, N).

        Returns:
            The items, shape (B, ...), writable; and their labels, shape (B,), if there are any.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        return self.array[chosen], None if self.labels is None else self.labels[chosen]

    def split(self, held_out: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Divide the items into training and held-out ones.

        The choice depends on names alone, so it survives the addition of files, and neither a group
        nor a pair of equal items is ever divided.

        Args:
            held_out: About which share to hold out, in [0, 1).

        Returns:
            Sorted indices of both parts.

        Raises:
            SettingError: ``held_out`` is out of its range.
        """
        same = ((later, first) for later, first in self.repeats.tolist())
        return split_by_group(Groups(self.items), same, held_out)


def cache_folder(index: Index, reader: Reader, cache_dir: Path | None = None) -> Path:
    """Where the decoded items of these data, read in this way, are kept."""
    key = f"{_FORMAT}\n{index.stamp}\n{reader.cache_key}"
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    return (cache_dir or default_cache()) / "arrays" / name


def build(index: Index, reader: Reader, cache_dir: Path | None = None) -> Iterator[Progress]:
    """Decode every item into the cache; yields after each one.

    The cache appears when the iterator is exhausted. Stopping early leaves nothing behind.

    Raises:
        DataError: Not one file could be read.
        DiskFull: There is no room for the cache.
    """
    folder = cache_folder(index, reader, cache_dir)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _require_room(folder.parent, len(index), reader)
    rejected = list(index.rejected)
    unread: set[int] = set()
    digests = bytearray()
    if folder.exists():
        shutil.rmtree(folder)
    with new_folder(folder) as building:
        with ArrayWriter(building / _ARRAY, len(index), reader.shape, reader.dtype) as out:
            for number, (item, result) in enumerate(_decoded(index, reader)):
                if isinstance(result, SfumatoError):
                    unread.add(number)
                    rejected.append(Rejected(item.name, result.why or result.what))
                else:
                    out.append(result)
                    digests += hashlib.blake2b(result.tobytes(), digest_size=8).digest()
                yield Progress(number + 1, len(index), len(rejected))
        if len(unread) == len(index):
            raise _nothing_left(index, rejected)
        kept = _without(index.items, unread)
        _write_about(building, kept, repeats(np.frombuffer(digests, np.uint64)), rejected)


def _without(items: Sequence[Item], unread: set[int]) -> Items:
    if not unread:
        return Items.of(items)
    return Items.of(item for number, item in enumerate(items) if number not in unread)


def _write_about(
    building: Path, items: Items, same: NDArray[np.int64], rejected: Sequence[Rejected]
) -> None:
    labels, classes = _numbered(item.label for item in items)
    table = {
        "items": len(items),
        "classes": classes,
        "repeats": len(same),
        "rejected": rejected,
    }
    write_bytes(building / _TABLE, json.dumps(table, ensure_ascii=False).encode())
    arrays: dict[str, NDArray[Any]] = {
        _ITEMS: items.records.data,
        _OFFSETS: items.records.offsets,
        _REPEATS: same,
    }
    if labels is not None:
        arrays[_LABELS] = labels
    for name, column in arrays.items():
        np.save(building / name, column, allow_pickle=False)


def _decoded(index: Index, reader: Reader) -> Iterator[tuple[Item, NDArray[Any] | SfumatoError]]:
    """Read the items in parallel and yield them in order, with few in memory at a time."""

    def read(item: Item) -> NDArray[Any] | SfumatoError:
        try:
            return reader.read(index.file(item), item.part)
        except SfumatoError as error:
            return error

    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[Item, Future[NDArray[Any] | SfumatoError]]] = deque()
        try:
            for item in index.items:
                waiting.append((item, pool.submit(read, item)))
                if len(waiting) >= 8 * workers:
                    yield _settled(waiting.popleft())
            while waiting:
                yield _settled(waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _settled(
    entry: tuple[Item, Future[NDArray[Any] | SfumatoError]],
) -> tuple[Item, NDArray[Any] | SfumatoError]:
    item, future = entry
    return item, future.result()


def _require_room(folder: Path, count: int, reader: Reader) -> None:
    needed = count * int(np.prod(reader.shape)) * reader.dtype.itemsize
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFull(
            f"The decoded items need {needed / 1e9:.1f} GB in '{folder}'.",
            why=f"{free / 1e9:.1f} GB are free",
            hint="free some space, or set SFUMATO_CACHE to a folder on a larger disk.",
        )


def _nothing_left(index: Index, rejected: Sequence[Rejected]) -> DataError:
    shown = "; ".join(f"{path}: {reason}" for path, reason in rejected[:3])
    return DataError(
        f"None of the {len(index)} files in '{index.root}' could be read.",
        why=shown,
        hint="check that the files open in another program.",
    )


def _integers(path: Path, *shape: int) -> NDArray[np.int64]:
    return open_array(path, shape, np.dtype(np.int64))


def _numbered(
    labels: Iterable[str | None],
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels as indices into the sorted names; ``None`` unless every item has one."""
    number: dict[str, int] = {}
    met = array("q")
    for label in labels:
        if label is None:
            return None, ()
        met.append(number.setdefault(label, len(number)))
    classes, place_of = in_order(number)
    return place_of[np.frombuffer(met, np.int64)], classes
