"""Building the cache of decoded items of a folder, incrementally.

Items whose files have the same size and times as in an earlier cache of the same folder are copied
from it, so only files that were added, edited or touched are decoded. Files that cannot be read are
set aside with their reasons.
"""

from __future__ import annotations

import hashlib
import shutil
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato import storage
from sfumato.data import dataset as files
from sfumato.data.cache import ArrayWriter, seals, write_arrays
from sfumato.data.captions import ABOUT_CAPTIONS
from sfumato.data.dataset import Dataset, Reader, cache_folder, entries_of, open_folder
from sfumato.data.decoding import Decoded, decoded_items
from sfumato.data.digests import DIGEST_BYTES, Changes, Entry, compare
from sfumato.data.index import Index
from sfumato.data.items import Item, Items, count_groups, record
from sfumato.data.marks import MADE_BY_SFUMATO, USE_OUTPUTS
from sfumato.data.split import in_order, repeats
from sfumato.data.walk import Rejected
from sfumato.errors import DataError, DiskFull

_TRIES = 3
# See Dataset.sides.
_SIDES: Mapping[bool | None, int] = {None: -1, False: 0, True: 1}


class Progress(NamedTuple):
    """The progress of a build: items done, items in total, and files set aside.

    A caption that is not used as it is costs no item and does not count.
    """

    done: int
    total: int
    rejected: int


def open_or_build(
    index: Index,
    reader: Reader,
    cache_dir: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Dataset:
    """Open the cache of a data set, and build it first if it is missing or damaged.

    Raises:
        DataError: None of the files could be read.
        DiskFull: There is no room for the cache.
    """
    for event in opened(index, reader, cache_dir):
        if isinstance(event, Dataset):
            return event
        if progress is not None:
            progress(event)
    raise RuntimeError("opening ended without a data set")


def opened(
    index: Index, reader: Reader, cache_dir: Path | None = None
) -> Iterator[Progress | Dataset]:
    """Like :func:`open_or_build`; yields the progress, and finally the data set."""
    # Another process may remove a damaged cache that this one has just seen rebuilt.
    built = False
    for _ in range(_TRIES):
        for event in build(index, reader, cache_dir):
            built = True
            yield event
        dataset = Dataset.open(index, reader, cache_dir, retry=not built)
        if dataset is not None:
            yield dataset if built else replace(dataset, changes=Changes())
            return
    raise DataError(
        f"The cache in '{cache_folder(index, reader, cache_dir)}' cannot be read back.",
        hint="check the disk, or set SFUMATO_CACHE to another folder.",
    )


def build(index: Index, reader: Reader, cache_dir: Path | None = None) -> Iterator[Progress]:
    """Decode every item into the cache, and yield after each one; an intact cache yields nothing.

    The cache appears when the iterator is exhausted. Stopping early leaves nothing behind.

    Raises:
        DataError: None of the files could be read.
        DiskFull: There is no room for the cache.
    """
    if Dataset.open(index, reader, cache_dir) is not None:
        return
    folder = cache_folder(index, reader, cache_dir)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _require_room(folder.parent, len(index), reader)
    earlier = _earlier(folder, index, reader)
    with suppress(FileNotFoundError):
        storage.remove(folder)
    with storage.new_folder(folder) as building:
        tables = _Tables(index)
        aside = sum(not one.reason.startswith(ABOUT_CAPTIONS) for one in index.rejected)
        with ArrayWriter(building / files.ARRAY, len(index), reader.shape, reader.dtype) as out:
            for number, (item, decoded) in enumerate(decoded_items(index, reader, earlier)):
                if decoded.content is not None:
                    out.append(decoded.content)
                tables.add(number, item, decoded)
                yield Progress(number + 1, len(index), aside + len(tables.unread))
        if not tables.digests:
            raise _nothing_left(index, reader, tables.unread)
        tables.write(building, earlier)


def entries_now(
    index: Index, reader: Reader, cache_dir: Path | None = None, labels: bool = True
) -> Iterator[Entry]:
    """The identity of every item that can be read; nothing is written.

    Items whose files did not change are read from the cache, and the others are decoded. ``labels``
    says whether labels are used.
    """
    dataset = Dataset.open(index, reader, cache_dir)
    if dataset is not None:
        yield from (dataset if labels else dataset.unlabelled()).entries()
        return
    earlier = _earlier(cache_folder(index, reader, cache_dir), index, reader)
    labels = labels and any(item.label is not None for item in index.items)
    for place, (item, decoded) in enumerate(decoded_items(index, reader, earlier)):
        if decoded.content is not None:
            digest = np.frombuffer(decoded.digest, np.uint8)[None]
            yield from entries_of([item], digest, index.stats[place : place + 1], labels)


class _Tables:
    """The tables of a cache, collected while the items are decoded."""

    def __init__(self, index: Index) -> None:
        self.unread: list[Rejected] = []
        self.digests = bytearray()
        self._index = index
        self._again: list[str] = []
        self._unread_places: set[int] = set()

    def add(self, number: int, item: Item, decoded: Decoded) -> None:
        """Add the next item."""
        if decoded.content is not None:
            self.digests += decoded.digest
            return
        self.unread.append(Rejected(item.name, decoded.reason))
        self._unread_places.add(number)
        if decoded.passing:
            self._again.append(record(item))

    def write(self, building: Path, earlier: Dataset | None) -> None:
        """Write everything but the array."""
        items, stats = self._readable()
        digests = np.frombuffer(self.digests, np.uint8).reshape(-1, DIGEST_BYTES)
        labels, classes = _numbered(item.label for item in items)
        sides = np.fromiter((_SIDES[item.held_out] for item in items), np.int8, len(items))
        same = repeats(digests[:, :8].copy().view(np.uint64)[:, 0])
        arrays: dict[str, NDArray[Any]] = {
            files.ITEMS: items.records.data,
            files.OFFSETS: items.records.offsets,
            files.REPEATS: same,
            files.DIGESTS: digests,
            files.STATS: stats,
            files.SIDES: sides,
        }
        if labels is not None:
            arrays[files.LABELS] = labels
        write_arrays(building, arrays)
        changes = Changes()
        if earlier is not None and earlier.chosen == self._index.chosen:
            changes = compare(earlier.entries(), entries_of(items, digests, stats, bool(classes)))
        table = {
            "items": len(items),
            "classes": classes,
            "repeats": len(same),
            "captions": sum(item.caption is not None for item in items),
            "groups": count_groups(items),
            "content": _content(items, digests, bool(classes)),
            "content_without_labels": _content(items, digests, labels=False),
            "changes": changes.to_json(),
            "chosen": self._index.chosen,
            "unread": self.unread,
            "again": self._again,
            "seals": seals(building, arrays),
        }
        storage.write_sealed_json(building / files.TABLE, table)

    def _readable(self) -> tuple[Items, NDArray[np.int64]]:
        unread = self._unread_places
        if not unread:
            return Items.of(self._index.items), self._index.stats
        items = Items.of(
            item for number, item in enumerate(self._index.items) if number not in unread
        )
        return items, np.delete(self._index.stats, sorted(unread), axis=0)


def _content(items: Iterable[Item], digests: NDArray[np.uint8], labels: bool) -> str:
    """The digest of the content of a data set, see :class:`Dataset`."""
    content = hashlib.sha256()
    for place, item in enumerate(items):
        fields: tuple[object, ...] = item.name, item.group, item.label if labels else None
        if item.held_out is not None:
            fields = *fields, item.held_out
        content.update(repr(fields).encode() + digests[place].tobytes())
    return content.hexdigest()


def _earlier(folder: Path, index: Index, reader: Reader) -> Dataset | None:
    """The newest intact cache of the same folder of files, read in the same way."""
    place = folder.name.partition("-")[0]
    found = sorted(folder.parent.glob(f"{place}-*"), key=_age)
    return next(filter(None, (open_folder(path, index, reader) for path in found)), None)


def _age(folder: Path) -> float:
    try:
        return -folder.stat().st_mtime
    except OSError:  # Another process removed it a moment ago.
        return 0.0


def _require_room(folder: Path, count: int, reader: Reader) -> None:
    needed = count * int(np.prod(reader.shape)) * reader.dtype.itemsize
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFull(
            f"The decoded items need {needed / 1e9:.1f} GB in '{folder}'.",
            why=f"{free / 1e9:.1f} GB are free",
            hint="free some space, or set SFUMATO_CACHE to a folder on a larger disk.",
        )


def _nothing_left(index: Index, reader: Reader, unread: Sequence[Rejected]) -> DataError:
    shown = "; ".join(f"{path}: {reason}" for path, reason in [*index.rejected, *unread][:3])
    ours = any(one.reason == MADE_BY_SFUMATO for one in unread)
    known = "files that can be read: " + " ".join(sorted(reader.kind.suffixes))
    return DataError(
        f"None of the {len(index)} files in '{index.root}' could be used.",
        why=shown,
        hint=USE_OUTPUTS if ours else f"check that they open in another program; {known}",
    )


def _numbered(
    labels: Iterable[str | None],
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels as indices into the sorted names, -1 without a label; ``None`` if there are none."""
    number: dict[str, int] = {}
    numbers = array("q")
    for label in labels:
        numbers.append(-1 if label is None else number.setdefault(label, len(number)))
    if not number:
        return None, ()
    classes, place_of = in_order(number)
    # The last place is that of items without a label.
    return np.append(place_of, -1)[np.frombuffer(numbers, np.int64)], classes
