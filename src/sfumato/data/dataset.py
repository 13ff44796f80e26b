"""Data sets of decoded items in one memory-mapped array.

A cache folder holds the decoded items of one folder of files and their metadata as arrays. They are
mapped into memory and not read: opening a million items takes no more memory than opening ten. A
cache folder can always be deleted: :mod:`sfumato.data.building` builds it again.

The name of a cache folder holds a digest of how items are read and of the path of their folder, and
a digest of all names, sizes and times. Two folders of files never share a cache folder, and a file
that may have changed is read again. Every item has a digest of its decoded content, with which the
array is compared: at opening if it is small, else when an item is used for the first time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.data.cache import open_array, require_seals
from sfumato.data.digests import DIGEST_BYTES, Changes, Entry, digest_of
from sfumato.data.index import FileKind, Index
from sfumato.data.items import Groups, Item, Items, Strings
from sfumato.data.split import count_classes, split_as_stated, split_by_group
from sfumato.data.walk import Rejected
from sfumato.data.workers import SECONDS, TookTooLong, call_within
from sfumato.errors import DamagedFile, RunError, SfumatoError
from sfumato.storage import default_cache, read_sealed_json

# Part of the name of every cache folder: raise it when the same files give other contents.
_FORMAT = 4
ARRAY, TABLE = "data.npy", "table.json"
ITEMS, OFFSETS, LABELS, REPEATS = "items.npy", "offsets.npy", "labels.npy", "repeats.npy"
DIGESTS, STATS, SIDES = "digests.npy", "stats.npy", "sides.npy"
# Marks a cache folder in which an item is damaged, so that the next opening decodes it again.
_DAMAGED = "damaged"
# Larger caches are compared with their digests item by item, when an item is first used: opening
# must not take longer than a moment.
_COMPARED_BYTES, _COMPARED_ITEMS = 128 << 20, 1 << 14


class Reader(Protocol):
    """The interface that decodes files into items for the cache."""

    @property
    def kind(self) -> FileKind:
        """The files that it reads."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements of an item."""

    @property
    def cache_key(self) -> str:
        """All settings that affect what ``read`` returns, as text."""

    def read(self, path: Path, part: int = 0) -> NDArray[Any]:
        """Decode a part of a file; raises :class:`SfumatoError` if it cannot be read."""


@dataclass(frozen=True)
class Dataset:
    """A data set of decoded items in memory-mapped form.

    Attributes:
        array: The decoded items, shape (N, ...), read-only, on the disk; :meth:`gather` compares
            what it copies with the digests.
        items: The N items, in the order of the array; each is created when it is used.
        labels: int64 indices into ``classes``, shape (N,), -1 for items without a label; ``None``
            if no item has one.
        sides: int8, shape (N,): 1 for items that the data hold out, 0 for those that they train on,
            and -1 if they do not say.
        classes: The names of the classes, sorted by number if all are numbers, else by name.
        rejected: Files that were set aside, with reasons.
        unread: Number of files of other kinds by suffix.
        metadata: The metadata files that were read.
        repeats: Pairs of items with equal content after decoding: the later, the first; int64
            indices, shape (M, 2).
        fingerprint: Fingerprint of the files, see :class:`Index`.
        content: SHA-256 over what a run learns from: names, groups, labels where they are used, the
            part where the data state it, and decoded contents. Captions and files that cannot be
            read have no part in it.
        content_without_labels: The same for a run that does not use labels.
        captions: Number of items with a caption.
        groups: Number of independent items: a group counts as one.
        changes: Files that differ from those of the earlier cache of the same folder; empty if
            :func:`~sfumato.data.building.open_or_build` had nothing to build.
        digests: Digests of the decoded content of each item, uint8, shape (N, 16).
        stats: Size and times of the file of each item, see :class:`Index`.
        folder: The cache folder.
        chosen: See :class:`Index`.
    """

    array: NDArray[Any]
    items: Sequence[Item]
    labels: NDArray[np.int64] | None
    sides: NDArray[np.int8]
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    unread: Mapping[str, int]
    metadata: tuple[str, ...]
    repeats: NDArray[np.int64]
    fingerprint: str
    content: str
    content_without_labels: str
    captions: int
    groups: int
    changes: Changes
    digests: NDArray[np.uint8]
    stats: NDArray[np.int64]
    folder: Path
    chosen: str
    _compared: NDArray[np.bool_] = field(repr=False, compare=False)

    @classmethod
    def open(
        cls, index: Index, reader: Reader, cache_dir: Path | None = None, retry: bool = True
    ) -> Dataset | None:
        """Open the cache of a data set.

        Args:
            index: The files.
            reader: Decodes them.
            cache_dir: Folder of all caches; None for the default.
            retry: Whether files that were set aside for a temporary reason are tried again.

        Returns:
            The data set; ``None`` if its cache is missing or damaged, or if a file that was set
            aside for a temporary reason can be read by now.
        """
        folder = cache_folder(index, reader, cache_dir)
        dataset = None if (folder / _DAMAGED).exists() else open_folder(folder, index, reader)
        if dataset is None or (retry and _readable_by_now(dataset.folder, index, reader)):
            return None
        small = dataset.array.nbytes <= _COMPARED_BYTES and len(dataset) <= _COMPARED_ITEMS
        if small and dataset.damaged(range(len(dataset))):
            return None
        return dataset

    def __len__(self) -> int:
        return len(self.items)

    def duplicates(self, most: int) -> tuple[tuple[str, str], ...]:
        """Pairs of names of items with equal content, the first ones: the later, the first."""
        return tuple(
            (self.items[later].name, self.items[first].name)
            for later, first in self.repeats[:most].tolist()
        )

    @property
    def label_counts(self) -> dict[str, int]:
        """The number of items of each class; empty without labels."""
        return count_classes(self.labels, self.classes)

    def gather(self, indices: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        """Copy items out of the cache.

        Args:
            indices: Shape (B,), each in [0, N).

        Returns:
            A writable copy of the items, shape (B, ...), and their labels, shape (B,), or None; -1
            stands for an item without a label.

        Raises:
            DamagedFile: The content of an item differs from its digest. The item is decoded again
                when the data set is opened the next time.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        if damaged := self.damaged(chosen[~self._compared[chosen]].tolist()):
            with suppress(OSError):
                (self.folder / _DAMAGED).touch()
            raise DamagedFile(
                f"The cache in '{self.folder}' is damaged.",
                why=f"the content of '{self.items[damaged[0]].name}' differs from its digest",
                hint="run the same command again: it decodes the damaged items again.",
            )
        return self.array[chosen], None if self.labels is None else self.labels[chosen]

    def damaged(self, places: Iterable[int]) -> list[int]:
        """Indices of the items whose content does not match their digests."""
        damaged = []
        for place in places:
            if digest_of(self.array[place].data) != self.digests[place].tobytes():
                damaged.append(place)
            self._compared[place] = True
        return damaged

    def entries(self) -> Iterator[Entry]:
        """The identity of every item, in their order."""
        return entries_of(self.items, self.digests, self.stats, bool(self.classes))

    @property
    def states_split(self) -> bool:
        """Whether the data hold items out."""
        return bool((self.sides == 1).any())

    def frequencies(self, items: NDArray[np.int64]) -> tuple[float, ...]:
        """The share of each class among some labelled items; empty without classes."""
        if self.labels is None:
            return ()
        labels = self.labels[items]
        counts = np.bincount(labels[labels >= 0], minlength=len(self.classes))
        return tuple((counts / counts.sum()).round(6).tolist())

    def with_used_labels(self, training: NDArray[np.int64], labels: bool) -> Dataset:
        """The data set without labels if they are not used, or if no training item has one.

        Args:
            training: Indices of the training items.
            labels: Whether labels are used.
        """
        if self.labels is None or (labels and (self.labels[training] >= 0).any()):
            return self
        return self.unlabelled()

    def unlabelled(self) -> Dataset:
        """The same items without labels."""
        return replace(self, labels=None, classes=(), content=self.content_without_labels)

    def split(self, held_out: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Divide the items into training and held-out ones.

        If the data hold items out, by a field ``split`` or by folders, these are held out.
        Otherwise the choice depends on names alone, so it does not change when files are added, and
        neither a group nor a pair of equal items is ever divided.

        Args:
            held_out: The approximate share to hold out, in [0, 1).

        Returns:
            Sorted indices of the training items and of the held-out items.

        Raises:
            SettingError: ``held_out`` is out of its range.
            DataError: The data hold out everything, and ``held_out`` is not 0.
        """
        if self.states_split and (held_out or (self.sides != 1).any()):
            return split_as_stated(self.sides)
        same = ((later, first) for later, first in self.repeats.tolist())
        return split_by_group(Groups(self.items), same, held_out)


def cache_folder(index: Index, reader: Reader, cache_dir: Path | None = None) -> Path:
    """The folder of the decoded items of an index, read by a reader."""
    place = f"{_FORMAT}\n{reader.cache_key}\n".encode() + os.fsencode(index.root.resolve())
    name = f"{hashlib.sha256(place).hexdigest()[:16]}-{index.stamp[:16]}"
    return (cache_dir or default_cache()) / "arrays" / name


def open_folder(folder: Path, index: Index, reader: Reader) -> Dataset | None:
    """Open a cache folder, or return None if a file is damaged; the array is not read."""
    try:
        table = read_sealed_json(folder / TABLE)
        require_seals(folder, table["seals"])
        count, classes = int(table["items"]), tuple(table["classes"])
        offsets = _integers(folder / OFFSETS, count + 1)
        names = open_array(folder / ITEMS, (int(offsets[-1]),), np.dtype(np.uint8))
        return Dataset(
            array=open_array(folder / ARRAY, (count, *reader.shape), reader.dtype),
            items=Items(Strings(names, offsets)),
            labels=_integers(folder / LABELS, count) if classes else None,
            sides=open_array(folder / SIDES, (count,), np.dtype(np.int8)),
            classes=classes,
            rejected=index.rejected + tuple(Rejected(*pair) for pair in table["unread"]),
            unread=index.unread,
            metadata=index.metadata,
            repeats=_integers(folder / REPEATS, int(table["repeats"]), 2),
            fingerprint=index.fingerprint,
            content=str(table["content"]),
            content_without_labels=str(table["content_without_labels"]),
            captions=int(table["captions"]),
            groups=int(table["groups"]),
            changes=Changes.from_json(table["changes"]),
            digests=open_array(folder / DIGESTS, (count, DIGEST_BYTES), np.dtype(np.uint8)),
            stats=_integers(folder / STATS, count, 3),
            folder=folder,
            chosen=str(table["chosen"]),
            _compared=np.zeros(count, np.bool_),
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, DamagedFile, RunError):
        return None


def entries_of(
    items: Iterable[Item], digests: NDArray[np.uint8], stats: NDArray[np.int64], labels: bool
) -> Iterator[Entry]:
    """The identity of items; ``labels`` says whether labels are a part of it."""
    for place, item in enumerate(items):
        digest, size = digests[place].tobytes().hex(), int(stats[place, 0])
        label = item.label if labels else None
        yield Entry(item.path, item.part, digest, label, item.group, size, item.held_out)


def _readable_by_now(folder: Path, index: Index, reader: Reader) -> bool:
    """Whether a file that was set aside for a temporary reason can be read by now."""
    hopeless: set[str] = set()
    for text in json.loads((folder / TABLE).read_bytes())["again"]:
        item = Item(*json.loads(text))
        suffix = Path(item.path).suffix.lower()
        if suffix in hopeless:
            continue
        try:
            call_within(SECONDS, partial(reader.read, index.file(item)), item.part)
        except TookTooLong:
            return False  # So would others, as where a share does not answer.
        except SfumatoError as error:
            if error.__cause__ is None or isinstance(error.__cause__, ImportError):
                hopeless.add(suffix)  # A package for all files of this kind is missing.
        except (OSError, MemoryError):
            continue
        else:
            return True
    return False


def _integers(path: Path, *shape: int) -> NDArray[np.int64]:
    return open_array(path, shape, np.dtype(np.int64))
