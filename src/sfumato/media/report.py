"""Reports on data sets, as plain data and as rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from sfumato.conditioning.condition import Condition
from sfumato.conditioning.survey import Found, survey
from sfumato.data.captions import ABOUT_CAPTIONS
from sfumato.data.dataset import Dataset
from sfumato.data.digests import Changes
from sfumato.data.marks import MADE_BY_SFUMATO
from sfumato.data.walk import METADATA_FILES, Rejected
from sfumato.escaping import escape_line

_NAMED = 1000
_TABLES = (".csv", ".tsv", ".jsonl", ".json", ".xlsx")


class Report(Protocol):
    """A report on a data set."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""

    def table(self) -> Iterator[tuple[str, str]]:
        """The name and the text of each row of the printed table."""


@dataclass(frozen=True)
class Contents:
    """What a run takes from a folder of a medium of numbers, and what it leaves out.

    Attributes:
        count: Number of usable items.
        labels: Number of items of each class; empty without labels.
        unlabelled: Number of items without a label, where others have one.
        captions: Number of items with a caption.
        groups: Number of independent items: groups of near-duplicates count as one.
        held_out: Number of items that are held out from training.
        split_stated: Whether the data themselves say which items are held out.
        crossing: Number of held-out items that are equal to a training item.
        duplicates: Pairs of names of equal items, the first 1000; ``duplicate_count`` counts all.
        rejected: Files that were set aside, with reasons.
        caption_notes: Captions that are not used as they are, with reasons; they cost no item.
        outputs: Files and runs that Sfumato made, which are no data.
        metadata: The metadata files that were read.
        unread: Number of files of other kinds, by suffix; they are not looked at.
        hints: What to do about files of some of these suffixes.
        conditions: What the data hold of each condition of the recipe.
    """

    count: int
    labels: dict[str, int]
    unlabelled: int
    captions: int
    groups: int
    held_out: int
    split_stated: bool
    crossing: int
    duplicates: tuple[tuple[str, str], ...]
    duplicate_count: int
    rejected: tuple[Rejected, ...]
    caption_notes: tuple[Rejected, ...]
    outputs: tuple[str, ...]
    metadata: tuple[str, ...]
    unread: dict[str, int]
    hints: dict[str, str]
    conditions: tuple[Found, ...]

    @classmethod
    def counted(
        cls,
        dataset: Dataset,
        held_out: NDArray[np.int64],
        hints: Mapping[str, str],
        conditions: Mapping[str, Condition] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """The fields of this class, counted in a data set.

        Args:
            dataset: The items.
            held_out: Indices of the held-out items.
            hints: What to do about files that are not looked at, by suffix.
            conditions: The conditions of the recipe, settled on the data.
        """
        measured = np.zeros(len(dataset), np.bool_)
        measured[held_out] = True
        crossing = measured[dataset.repeats[:, 0]] != measured[dataset.repeats[:, 1]]
        rejected: list[Rejected] = []
        notes: list[Rejected] = []
        ours: list[str] = []
        for one in dataset.rejected:
            if one.reason.startswith(MADE_BY_SFUMATO):
                ours.append(one.path)
            elif one.reason.startswith(ABOUT_CAPTIONS):
                notes.append(one)
            else:
                rejected.append(one)
        labelled = sum(dataset.label_counts.values())
        return {
            "count": len(dataset),
            "labels": dataset.label_counts,
            "unlabelled": len(dataset) - labelled if labelled else 0,
            "captions": dataset.captions,
            "groups": dataset.groups,
            "held_out": len(held_out),
            "split_stated": dataset.states_split,
            "crossing": int(crossing.sum()),
            "duplicates": dataset.duplicates(_NAMED),
            "duplicate_count": len(dataset.repeats),
            "rejected": tuple(rejected),
            "caption_notes": tuple(notes),
            "outputs": tuple(ours),
            "metadata": dataset.metadata,
            "unread": dict(dataset.unread),
            "hints": {suffix: hints[suffix] for suffix in dataset.unread if suffix in hints}
            | _unread_tables(dataset),
            "conditions": tuple(survey(conditions, dataset.items)),
        }

    def rows(self, most: int, source: str | None = None) -> Iterator[tuple[str, str]]:
        """The rows that are the same for all media of numbers.

        Args:
            most: Largest number of lines in a row.
            source: The data as named on the command line, if the rows are not those of ``sfumato
                data check`` itself, which lists more.
        """
        yield "classes", classes_in_words(self.labels, self.unlabelled)
        yield "captions", f"{self.captions:,}"
        for condition in self.conditions:
            yield f"condition {condition.name}", escape_line(str(condition))
        if self.metadata:
            yield "metadata", listed_in_line(self.metadata)
        stated = " (as the data say)" if self.split_stated else ""
        both = f", of which {self.crossing:,} equal training items" if self.crossing else ""
        yield "held out", f"{self.held_out:,}{stated}{both}"
        same = [f"{later} = {first}" for later, first in self.duplicates]
        yield "duplicates", listed(same, self.duplicate_count, 0 if source else most)
        yield "set aside", listed(_explained(self.rejected), most=most, source=source)
        if self.caption_notes:
            yield "caption notes", listed(_explained(self.caption_notes), most=most, source=source)
        if self.outputs:
            yield "outputs", f"{listed_in_line(self.outputs)}: made by Sfumato and not used"
        yield from not_looked_at(self.unread, self.hints)


def _unread_tables(dataset: Dataset) -> dict[str, str]:
    """What to do about tables and JSON that may have been meant as metadata."""
    found = [] if dataset.metadata else [one for one in _TABLES if one in dataset.unread]
    return dict.fromkeys(found, f"labels and captions are read from {' or '.join(METADATA_FILES)}")


def _explained(rejected: Sequence[Rejected]) -> list[str]:
    """A line about each file.

    The first file of each reason comes first, then the second of each, so that many do not hide
    one.
    """
    counts: Counter[str] = Counter()
    turns = []
    for one in rejected:
        turns.append((counts[one.reason], one))
        counts[one.reason] += 1
    ordered = (one for _, one in sorted(turns, key=lambda turn: turn[0]))
    return [f"{one.path}: {one.reason}" for one in ordered]


def items_in_words(count: int, groups: int) -> str:
    """The number of items, for a row of a report."""
    return f"{count:,} ({groups:,} independent)"


def listed_in_line(names: Sequence[str], most: int = 3) -> str:
    """The number of some files and the first names."""
    more = ", ..." if len(names) > most else ""
    return f"{len(names):,} ({escape_line(', '.join(names[:most]))}{more})"


def not_looked_at(counts: Mapping[str, int], hints: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The row about files of other kinds; none if there are no such files.

    Args:
        counts: Number of files by suffix.
        hints: What to do about files of some suffixes.
    """
    if counts:
        words = ", ".join(f"{count:,} x {escape_line(suffix)}" for suffix, count in counts.items())
        more = [f"{suffix}: {hints[suffix]}" for suffix in counts if suffix in hints]
        yield "not looked at", "\n".join([words, *more])


@dataclass(frozen=True)
class NumberReport(Contents):
    """A report on a folder of a medium of numbers.

    Attributes:
        root: The folder.
        settings: The settings as a run would use them, with all values resolved.
        changes: Files that changed since the data were last read.
        fingerprint: Fingerprint of the data.
    """

    root: Path
    settings: BaseModel
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
            **cls.counted(dataset, np.empty(0, np.int64), {}),
            root=root,
            settings=settings,
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
            "rejected": [one._asdict() for one in self.rejected],
            "caption_notes": [one._asdict() for one in self.caption_notes],
            "conditions": [asdict(condition) for condition in self.conditions],
        }

    def table(self) -> Iterator[tuple[str, str]]:
        """See :meth:`Report.table`."""
        yield "folder", escape_line(str(self.root))
        yield from self._own_rows()
        yield from self.rows(most=10)
        if self.changes:
            yield "since last read", escape_line(str(self.changes))

    def _own_rows(self) -> Iterator[tuple[str, str]]:
        """The rows that are specific to the medium."""
        yield "items", items_in_words(self.count, self.groups)


def classes_in_words(counts: Mapping[str, int], unlabelled: int = 0, most: int = 20) -> str:
    """The first classes with their numbers of items, for a row of a report.

    Args:
        counts: Number of items of each class.
        unlabelled: Number of items without a class.
        most: Largest number of classes to name.
    """
    words = [f"{escape_line(name)} {count:,}" for name, count in counts.items()]
    more = f", and {len(words) - most} more" if len(words) > most else ""
    without = f"; without a label {unlabelled:,}" if unlabelled else ""
    return (", ".join(words[:most]) or "none") + more + without


def listed(
    lines: Sequence[str], count: int | None = None, most: int = 10, source: str | None = None
) -> str:
    """A count and the first lines, for a row of a report.

    Args:
        lines: A line about each, or about the first ones.
        count: The total count; None for the number of lines.
        most: Largest number of lines to list.
        source: If given, the last line names the command that lists more about this source.
    """
    total = len(lines) if count is None else count
    first = [escape_line(line) for line in lines[:most]]
    more = []
    if most and total > len(first):
        more = [f"... and {total - len(first):,} more"]
    if source is not None and total:
        more = (
            [f"see all: sfumato data check {escape_line(quote(_from_here(source)))}"]
            if most
            else []
        )
    return "\n".join([f"{total:,}", *first, *more])


def _from_here(source: str) -> str:
    """A path relative to the working folder if it lies in it."""
    try:
        here = str(Path.cwd())
    except OSError:  # The working folder was removed.
        return source
    return "." if source == here else source.removeprefix(f"{here}/")
