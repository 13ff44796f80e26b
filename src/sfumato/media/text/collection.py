"""Documents concatenated in one file, their metadata in arrays, and statistics about them.

A million documents are stored as a few arrays, not as a million objects.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from sfumato.data.digests import digest_of
from sfumato.data.items import Packer, Strings, pack_strings
from sfumato.data.split import in_order, repeats, split_by_group
from sfumato.errors import DataError
from sfumato.media.text.documents import Document
from sfumato.media.text.files import lines

_NO_LABEL, _NO_SIDE = -1, -1
_RAREST = 20
_SAMPLES = 5
_BEGINNING = 80


@dataclass(frozen=True)
class Collection:
    """The metadata of N documents.

    Attributes:
        starts, stops: Begin and end of each document in the file of texts, in bytes, int64 (N,).
        names: Names of the documents.
        labels: int64 indices into ``classes``, -1 for a document without a label, shape (N,); or
            ``None`` if no document has a label, or labels are not used.
        classes: Names of the classes, sorted by number if all are numbers, else by name.
        sides: int8 (N,): 1 to hold out, 0 to train on, -1 if the record has no field ``split``.
        digests: A hash of every text, uint64 (N,).
        fingerprint: SHA-256 over names, labels, sides and texts.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    names: Strings
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    sides: NDArray[np.int8]
    digests: NDArray[np.uint64]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.starts)

    def texts(self, file: Path, places: NDArray[np.int64]) -> Iterator[str]:
        """Read some documents from the file of texts."""
        with file.open("rb") as stream:
            starts, stops = self.starts[places].tolist(), self.stops[places].tolist()
            for start, stop in zip(starts, stops, strict=True):
                stream.seek(start)
                yield stream.read(stop - start).decode()

    def duplicates(self) -> NDArray[np.int64]:
        """Pairs of equal texts: a later place and the first, int64 (M, 2), sorted by the later."""
        return repeats(self.digests)

    def unlabelled(self) -> NDArray[np.int64]:
        """The documents without a label, if others have one."""
        return np.flatnonzero(np.empty(0) if self.labels is None else self.labels < 0)

    def leaks(self, held: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Held-out texts that are trained on too: int64 (M, 2), each with an equal training text.

        Args:
            held: The held-out documents, bool (N,).
        """
        known, first = np.unique(self.digests[~held], return_index=True)
        if not len(known):
            return np.empty((0, 2), np.int64)
        measured = np.flatnonzero(held)
        place = np.minimum(np.searchsorted(known, self.digests[measured]), len(known) - 1)
        both = known[place] == self.digests[measured]
        training = np.flatnonzero(~held)[first[place[both]]]
        return np.stack([measured[both], training], axis=1).astype(np.int64)

    def held_out(self, share: float) -> NDArray[np.bool_]:
        """The documents to hold out, bool (N,): by the field ``split`` of records, else by name.

        By name, equal texts are never divided; if all are equal, nothing is held out. Texts that
        are equal to so many others that they exceed the share are trained on.

        Raises:
            DataError: The records hold out everything.
            SettingError: ``share`` is out of its range.
        """
        held: NDArray[np.bool_] = self.sides == 1
        if (self.sides == _NO_SIDE).all():
            pairs = [(later, first) for later, first in self.duplicates().tolist()]
            training, chosen = split_by_group(self.names, pairs if share else (), share, True)
            held[chosen] = len(training) > 0
        if held.all():
            raise DataError(
                "There is nothing to train on.",
                why=f"the field 'split' of all {len(self)} records holds them out",
                hint="add the training records, whose 'split' is 'train'.",
            )
        return held

    def with_end_apart(self, file: Path, share: float) -> Collection:
        """Hold out the last ``share`` of a single document, as a second document."""
        if len(self) > 1 or self.sides[0] != _NO_SIDE:
            return self
        [text] = self.texts(file, np.array([0]))
        cut = round(len(text) * (1 - share))
        if not 0 < cut < len(text):
            return self
        # Computed from the end, which is short, to avoid a copy of the beginning.
        seam = self.stops[0] - len(text[cut:].encode())
        return replace(
            self,
            starts=np.array([self.starts[0], seam]),
            stops=np.array([seam, self.stops[0]]),
            names=pack_strings([self.names[0], f"{self.names[0]}#end"]),
            labels=None if self.labels is None else np.repeat(self.labels, 2),
            sides=np.array([0, 1], dtype=np.int8),
            # Any two different digests.
            digests=np.array([0, 1], dtype=np.uint64),
        )


class Collector:
    """Collects documents one by one.

    Args:
        out: File for their texts, in UTF-8.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._ends = array("q", [0])
        self._names = Packer()
        self._labels = array("q")
        self._number: dict[str, int] = {}
        self._sides = array("b")
        self._digests = bytearray()
        self._content = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._labels)

    def add(self, document: Document) -> bytes:
        """Add the next document; returns the digest of its text."""
        data, label = document.text.encode(), document.label
        self._out.write(data)
        self._ends.append(self._ends[-1] + len(data))
        self._names.add(document.name)
        number = self._number.setdefault(label, len(self._number)) if label else _NO_LABEL
        self._labels.append(number)
        self._sides.append(_NO_SIDE if document.held_out is None else document.held_out)
        digest = digest_of(data)
        self._digests += digest[:8]
        self._content.update(repr((document.name, label, document.held_out)).encode() + digest)
        return digest

    def finish(self, labels: bool = True) -> Collection:
        """All documents; with labels if they are used and some document has one."""
        ends = np.frombuffer(self._ends, np.int64)
        numbers = np.frombuffer(self._labels, np.int64)
        classes, place_of = in_order(list(self._number) if labels else [])
        return Collection(
            starts=ends[:-1],
            stops=ends[1:],
            names=self._names.finish(),
            # The last place of the table, which is that of -1, stands for no label.
            labels=np.append(place_of, _NO_LABEL)[numbers] if classes else None,
            classes=classes,
            sides=np.frombuffer(self._sides, np.int8),
            digests=np.frombuffer(bytes(self._digests), np.uint64),
            fingerprint=self._content.hexdigest(),
        )


@dataclass(frozen=True)
class Survey:
    """Statistics of texts; lengths are in characters.

    Attributes:
        characters: Number of characters of all documents.
        distinct: Number of different characters.
        rarest: The 20 rarest characters, each with its count, the rarest first.
        least, median, most: Statistics of the lengths of the documents.
        longest_line: Length of the longest line.
        longest_line_at: Its document and line, as ``NAME, line N``.
        beginnings: Names and first characters of some documents, evenly spaced.
    """

    characters: int
    distinct: int
    rarest: tuple[tuple[str, int], ...]
    least: int
    median: int
    most: int
    longest_line: int
    longest_line_at: str
    beginnings: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """The statistics as plain data."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read the result of :meth:`to_json`."""
        pairs = {
            name: tuple((one, other) for one, other in value[name])
            for name in ("rarest", "beginnings")
        }
        return cls(**(value | pairs))


class Surveyor:
    """Collects statistics of documents one by one.

    Args:
        names: Names of the documents, in the order in which they are added.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._counts = np.zeros(1, dtype=np.int64)
        self._lengths = array("q")
        self._line = (-1, "")
        self._quoted = set(np.linspace(0, len(names) - 1, _SAMPLES).round().astype(int).tolist())
        self._beginnings: list[tuple[str, str]] = []

    def add(self, text: str) -> None:
        """Add the next document."""
        number = len(self._lengths)
        if number in self._quoted:
            self._beginnings.append((self._names[number], text[:_BEGINNING]))
        self._lengths.append(len(text))
        # No line is longer than its text, so most texts need not be divided.
        if len(text) > self._line[0]:
            # One line at a time, since a list of all lines takes several times the memory.
            for line, part in lines(text):
                if len(part) > self._line[0]:
                    self._line = len(part), f"{self._names[number]}, line {line}"

    def count(self, text: str) -> None:
        """Count the characters of some text: parts of documents, or several joined."""
        counts = np.bincount(np.frombuffer(text.encode("utf-32-le"), dtype="<u4"))
        if len(counts) > len(self._counts):
            self._counts, counts = counts, self._counts
        self._counts[: len(counts)] += counts

    def finish(self) -> Survey:
        """The statistics of all documents."""
        lengths = np.frombuffer(self._lengths, dtype=np.int64)
        return Survey(
            characters=int(lengths.sum()),
            distinct=int(np.count_nonzero(self._counts)),
            rarest=_rarest(self._counts),
            least=int(lengths.min()),
            median=int(np.median(lengths)),
            most=int(lengths.max()),
            longest_line=self._line[0],
            longest_line_at=self._line[1],
            beginnings=tuple(self._beginnings),
        )


def _rarest(counts: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
    points = np.flatnonzero(counts)
    chosen = points[np.argsort(counts[points], kind="stable")[:_RAREST]]
    return tuple((chr(point), int(counts[point])) for point in chosen)
