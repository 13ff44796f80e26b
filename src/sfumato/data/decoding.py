"""Decoding the items of an index, in parallel and in their order, without those that are known.

A file that cannot be read costs its items alone: each has a reason instead of a content.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.data.dataset import Dataset, Reader
from sfumato.data.digests import digest_of
from sfumato.data.index import Index
from sfumato.data.items import Item
from sfumato.data.marks import MADE_BY_SFUMATO, is_output
from sfumato.data.workers import SECONDS, Job, TookTooLong, Workers
from sfumato.errors import MissingExtra, SfumatoError

_MOST_THREADS = 8


class Decoded(NamedTuple):
    """A decoded item with its digest, or the reason why it cannot be read.

    Attributes:
        content: The item; None if it cannot be read.
        digest: Its digest.
        reason: Why it cannot be read.
        passing: Whether the reason can go away while the file stays the same.
    """

    content: NDArray[Any] | None
    digest: bytes = b""
    reason: str = ""
    passing: bool = False


class _EarlierItems:
    """The items of an earlier cache, looked up in the order of paths.

    Args:
        earlier: The cache; None if there is none.
    """

    def __init__(self, earlier: Dataset | None) -> None:
        self._earlier = earlier
        self._items = enumerate(earlier.items if earlier is not None else ())
        self._next = next(self._items, None)

    def find(self, item: Item, stats: NDArray[np.int64]) -> Decoded | None:
        """The decoded item if its file did not change and its content is intact."""
        name = item.path, item.part
        while self._next is not None and (self._next[1].path, self._next[1].part) < name:
            self._next = next(self._items, None)
        if self._next is None or (self._next[1].path, self._next[1].part) != name:
            return None
        place, earlier = self._next[0], self._earlier
        if earlier is None or (earlier.stats[place] != stats).any() or earlier.damaged([place]):
            return None
        return Decoded(earlier.array[place], earlier.digests[place].tobytes())


def decoded_items(
    index: Index, reader: Reader, earlier: Dataset | None
) -> Iterator[tuple[Item, Decoded]]:
    """Read the items in parallel and yield them in order, with few in memory at a time."""
    reused = _EarlierItems(earlier)
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    workers: Workers[Item, Decoded] = Workers(partial(_read, index, reader), threads, SECONDS)
    waiting: deque[tuple[Item, Decoded | Job[Item, Decoded]]] = deque()
    try:
        for place, item in enumerate(index.items):
            found = reused.find(item, index.stats[place])
            waiting.append((item, found or workers.submit(item)))
            if len(waiting) >= 8 * threads:
                yield _finished(workers, *waiting.popleft())
        while waiting:
            yield _finished(workers, *waiting.popleft())
    finally:
        workers.close()


def _finished(
    workers: Workers[Item, Decoded], item: Item, decoded: Decoded | Job[Item, Decoded]
) -> tuple[Item, Decoded]:
    if isinstance(decoded, Decoded):
        return item, decoded
    try:
        return item, workers.result(decoded)
    except TookTooLong:
        return item, Decoded(None, b"", f"reading took longer than {SECONDS:g} s", passing=True)


def _read(index: Index, reader: Reader, item: Item) -> Decoded:
    path = index.file(item)
    try:
        if is_output(path, samples=not index.outputs):
            return Decoded(None, b"", MADE_BY_SFUMATO)
        content = reader.read(path, item.part)
    except SfumatoError as error:
        reason = error.why or f"{error.what} {error.hint}".strip()
        return Decoded(None, b"", reason, _can_pass(error))
    except (OSError, MemoryError) as error:
        return Decoded(None, b"", str(error) or "there is not enough memory", passing=True)
    return Decoded(content, digest_of(content.tobytes()))


def _can_pass(error: SfumatoError) -> bool:
    """Whether the reason can go away while the file stays the same."""
    cause = error.__cause__
    # Decoders raise an OSError too, without a number.
    of_system = isinstance(cause, OSError) and cause.errno is not None
    return isinstance(error, MissingExtra) or isinstance(cause, MemoryError) or of_system
