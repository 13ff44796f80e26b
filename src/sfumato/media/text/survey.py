"""Figures about texts, gathered while they pass by once."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sfumato.media.text.plain import lines

_RAREST = 20
_SAMPLES = 5
_BEGINNING = 80


@dataclass(frozen=True)
class Survey:
    """What was gathered; lengths are in characters.

    Attributes:
        characters: Of all documents together.
        distinct: How many different characters there are.
        rarest: The 20 rarest of them, each with its count, the rarest first.
        least, median, most: Of the documents' lengths.
        longest_line: The length of the longest line of all.
        longest_line_at: Its document and line, as ``NAME, line N``.
        beginnings: The names and first characters of some documents, evenly spaced.
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
        """Plain JSON values."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what ``to_json`` gave."""
        pairs = {
            name: tuple((one, other) for one, other in value[name])
            for name in ("rarest", "beginnings")
        }
        return cls(**(value | pairs))


class Surveyor:
    """Looks at one document after the other.

    Args:
        names: Of the documents that will come, in that order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._counts = np.zeros(1, dtype=np.int64)
        self._lengths = array("q")
        self._line = (-1, "")
        self._shown = set(np.linspace(0, len(names) - 1, _SAMPLES).round().astype(int).tolist())
        self._beginnings: list[tuple[str, str]] = []

    def look(self, text: str) -> None:
        """Take the next document."""
        number = len(self._lengths)
        if number in self._shown:
            self._beginnings.append((self._names[number], text[:_BEGINNING]))
        self._lengths.append(len(text))
        # No line is longer than its text, so most texts need not be divided.
        if len(text) > self._line[0]:
            # One line at a time: all lines of a large text take several times its memory.
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
        """All that was gathered."""
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
