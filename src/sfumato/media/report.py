"""Reports on data sets: what a look at a folder finds, as plain data and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict

from pydantic import BaseModel

from sfumato.data.dataset import Dataset
from sfumato.data.digests import Changes
from sfumato.data.walk import Rejected


class Report(Protocol):
    """What a look at a data set found."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""

    def table(self) -> Iterator[tuple[str, str]]:
        """Name and text of each row of a table for a reader."""


class Counts(TypedDict):
    """What is known of the items of any data set, see :class:`NumberReport`."""

    count: int
    labels: dict[str, int]
    captions: int
    groups: int
    duplicates: tuple[tuple[str, str], ...]
    rejected: tuple[Rejected, ...]
    changes: Changes
    fingerprint: str


def counts(dataset: Dataset) -> Counts:
    """Count what a data set has."""
    return Counts(
        count=len(dataset),
        labels=dataset.label_counts,
        captions=sum(item.caption is not None for item in dataset.items),
        groups=len({item.group or item.path for item in dataset.items}),
        duplicates=dataset.duplicates,
        rejected=dataset.rejected,
        changes=dataset.changes,
        fingerprint=dataset.fingerprint,
    )


@dataclass(frozen=True)
class NumberReport:
    """What a look at a folder found, whatever the medium.

    Attributes:
        root: The folder.
        settings: As a run would use them, with nothing left open.
        count: Items that can be used.
        labels: Number of items of each class; empty without labels.
        captions: Number of items that have one.
        groups: Number of independent items: groups of near-duplicates count as one.
        duplicates: Pairs of names whose items are equal.
        rejected: What was set aside, and why.
        changes: Files that differ from those that were read before, if they were.
        fingerprint: Of the data.
    """

    root: Path
    settings: BaseModel
    count: int
    labels: dict[str, int]
    captions: int
    groups: int
    duplicates: tuple[tuple[str, str], ...]
    rejected: tuple[Rejected, ...]
    changes: Changes
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data but what is to be looked at."""
        return {
            **vars(self),
            "root": str(self.root),
            "settings": self.settings.model_dump(mode="json"),
            "duplicates": [list(pair) for pair in self.duplicates],
            "changes": self.changes.to_json(),
            "rejected": [rejected._asdict() for rejected in self.rejected],
        }

    def table(self) -> Iterator[tuple[str, str]]:
        """See :meth:`Report.table`."""
        yield "folder", str(self.root)
        yield from self._own_rows()
        yield "classes", classes_in_words(self.labels)
        yield "captions", f"{self.captions:,}"
        yield "duplicates", listed([f"{later} = {first}" for later, first in self.duplicates])
        yield "set aside", listed([f"{one.path}: {one.reason}" for one in self.rejected])
        if self.changes:
            yield "since last read", str(self.changes)

    def _own_rows(self) -> Iterator[tuple[str, str]]:
        """The rows that reports on this medium alone have."""
        yield "items", f"{self.count:,} ({self.groups:,} independent)"


def classes_in_words(counts: Mapping[str, int], most: int = 20) -> str:
    """The first classes with their numbers of items, for a row of a report."""
    shown = [f"{name} {count:,}" for name, count in counts.items()]
    more = f", and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) or "none") + more


def listed(lines: Sequence[str], count: int | None = None, most: int = 10) -> str:
    """How many there are, and the first of them, for a row of a report.

    Args:
        lines: A line about each, or about the first ones.
        count: How many there are; None for as many as there are lines.
        most: Number of lines to show.
    """
    total, shown = len(lines) if count is None else count, lines[:most]
    more = [f"... and {total - len(shown):,} more"] if total > len(shown) else []
    return "\n".join([f"{total:,}", *shown, *more])
