"""Reports on data sets, as plain data and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel

from sfumato.data.dataset import Dataset
from sfumato.data.digests import Changes
from sfumato.data.walk import Rejected
from sfumato.escaping import escape_line


class Report(Protocol):
    """A report on a data set."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""

    def table(self) -> Iterator[tuple[str, str]]:
        """The name and the text of each row of the printed table."""


@dataclass(frozen=True)
class NumberReport:
    """A report on a folder of a medium of numbers.

    Attributes:
        root: The folder.
        settings: The settings as a run would use them, with all values resolved.
        count: Number of usable items.
        labels: Number of items of each class; empty without labels.
        captions: Number of items with a caption.
        groups: Number of independent items: groups of near-duplicates count as one.
        duplicates: Pairs of names of equal items.
        rejected: Files that were set aside, with reasons.
        changes: Files that changed since the data were last read.
        fingerprint: Fingerprint of the data.
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

    @classmethod
    def of(cls, root: Path, settings: BaseModel, dataset: Dataset, **own: Any) -> Self:
        """A report on a data set.

        Args:
            root: The folder.
            settings: The settings that the items were read with.
            dataset: The items.
            **own: The fields that reports on this medium alone have.
        """
        return cls(
            root=root,
            settings=settings,
            count=len(dataset),
            labels=dataset.label_counts,
            captions=sum(item.caption is not None for item in dataset.items),
            groups=len({item.group or item.path for item in dataset.items}),
            duplicates=dataset.duplicates,
            rejected=dataset.rejected,
            changes=dataset.changes,
            fingerprint=dataset.fingerprint,
            **own,
        )

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, without its contact sheet."""
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
        yield "folder", escape_line(str(self.root))
        yield from self._own_rows()
        yield "classes", classes_in_words(self.labels)
        yield "captions", f"{self.captions:,}"
        yield "duplicates", listed([f"{later} = {first}" for later, first in self.duplicates])
        yield "set aside", listed([f"{one.path}: {one.reason}" for one in self.rejected])
        if self.changes:
            yield "since last read", escape_line(str(self.changes))

    def _own_rows(self) -> Iterator[tuple[str, str]]:
        """The rows that are specific to the medium."""
        yield "items", f"{self.count:,} ({self.groups:,} independent)"


def classes_in_words(counts: Mapping[str, int], most: int = 20) -> str:
    """The first classes with their numbers of items, for a row of a report."""
    words = [f"{escape_line(name)} {count:,}" for name, count in counts.items()]
    more = f", and {len(words) - most} more" if len(words) > most else ""
    return (", ".join(words[:most]) or "none") + more


def listed(lines: Sequence[str], count: int | None = None, most: int = 10) -> str:
    """A count and the first lines, for a row of a report.

    Args:
        lines: A line about each, or about the first ones.
        count: The total count; None for the number of lines.
        most: Largest number of lines to list.
    """
    total = len(lines) if count is None else count
    first = [escape_line(line) for line in lines[:most]]
    more = [f"... and {total - len(first):,} more"] if total > len(first) else []
    return "\n".join([f"{total:,}", *first, *more])
