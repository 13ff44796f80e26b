"""Reports on sets of texts: as they are stored, and as a run would read them.

A check builds the library that a run with the same settings uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.data.digests import Changes, Entry
from sfumato.data.selection import Selection
from sfumato.escaping import escape_line
from sfumato.media.report import classes_in_words, listed, not_looked_at
from sfumato.media.text.building import Progress
from sfumato.media.text.collection import Survey
from sfumato.media.text.files import Problem, find_texts
from sfumato.media.text.identity import digest_of_file
from sfumato.media.text.library import Library
from sfumato.media.text.rows import Rows
from sfumato.media.text.settings import TextSettings

_CHUNK = 1 << 24
_EVERYTHING = Selection()


@dataclass(frozen=True)
class TextContents:
    """What a run takes from a set of texts, and what it leaves out.

    Attributes:
        documents: Number of usable documents.
        held_out: Number of held-out documents among them.
        survey: Statistics of characters and lengths, the longest line and some beginnings.
        forms: Number of files in each form other than UTF-8 with commas.
        vocabulary: Number of different tokens.
        tokens: Number of tokens of all documents.
        context: Number of tokens in a row.
        rows: Number of rows in an epoch of training.
        cut: Number of documents that are longer than a row, and are used in windows.
        labels: Number of documents of each class; empty without labels.
        unlabelled: Number of documents without a label, where others have one.
        duplicates: Names of equal texts, the later and the first, the first 1000 pairs.
        duplicate_count: Number of texts that are equal to an earlier one.
        leaks: Names of equal texts, one held out and one to train on, the first 1000 pairs.
        leak_count: Number of held-out texts that are trained on too.
        problems: What was set aside or repaired, the first 1000.
        problem_count: Number of all problems.
        unread: Number of files of other kinds, by suffix; they are not looked at.
        hints: What to do about files of some of these suffixes.
    """

    documents: int
    held_out: int
    survey: Survey
    forms: dict[str, int]
    vocabulary: int
    tokens: int
    context: int
    rows: int
    cut: int
    labels: dict[str, int]
    unlabelled: int
    duplicates: tuple[tuple[str, str], ...]
    duplicate_count: int
    leaks: tuple[tuple[str, str], ...]
    leak_count: int
    problems: tuple[Problem, ...]
    problem_count: int
    unread: dict[str, int]
    hints: dict[str, str]

    @classmethod
    def counted(cls, library: Library, rows: Rows, hints: Mapping[str, str]) -> dict[str, Any]:
        """The fields of this class, counted in a library.

        Args:
            library: All documents.
            rows: The training rows.
            hints: What to do about files that are not looked at, by suffix.
        """
        labels = library.label_counts
        return {
            "documents": len(library),
            "held_out": int(library.held_out.sum()),
            "survey": library.survey,
            "forms": dict(library.forms),
            "vocabulary": library.tokenizer.size,
            "tokens": len(library.tokens),
            "context": rows.context,
            "rows": len(rows),
            "cut": int((library.lengths > rows.context).sum()),
            "labels": labels,
            "unlabelled": len(library) - sum(labels.values()) if labels else 0,
            "duplicates": library.duplicates,
            "duplicate_count": library.duplicate_count,
            "leaks": library.leaks,
            "leak_count": library.leak_count,
            "problems": library.problems,
            "problem_count": library.problem_count,
            "unread": dict(library.unread),
            "hints": {suffix: hints[suffix] for suffix in library.unread if suffix in hints},
        }

    def head(self) -> Iterator[tuple[str, str]]:
        """The rows about the texts themselves."""
        yield "texts", f"{self.documents:,}, of them held out {self.held_out:,}"
        if self.forms:
            yield "read as", ", ".join(f"{_files(n)} {form}" for form, n in self.forms.items())
        yield "characters", f"{self.survey.characters:,}, {self.survey.distinct:,} different"

    def used(self) -> Iterator[tuple[str, str]]:
        """The row about how much of the texts is used."""
        windows = f"; {self.cut:,} longer texts in windows" if self.cut > 1 else ""
        windows = "; a longer text in windows" if self.cut == 1 else windows
        rows = f"{self.rows:,} of {self.context} tokens to train on"
        yield "rows", f"{rows}, which hold all training texts{windows}"

    def tail(self, most: int, source: str | None = None) -> Iterator[tuple[str, str]]:
        """The rows about classes, equal texts, and what was set aside.

        Args:
            most: Largest number of lines in a row.
            source: The data as named on the command line, if the rows are not those of ``sfumato
                data check`` itself, which lists more.
        """
        yield "classes", classes_in_words(self.labels, self.unlabelled)
        same = [f"{later} = {first}" for later, first in self.duplicates]
        yield "duplicates", listed(same, self.duplicate_count, 0 if source else most)
        if self.leak_count:
            both = [f"{held} (held out) = {trained}" for held, trained in self.leaks]
            yield "in both parts", listed(both, self.leak_count, most, source)
        problems = [line_about(problem) for problem in self.problems]
        yield "set aside or repaired", listed(problems, self.problem_count, most, source)
        yield from not_looked_at(self.unread, self.hints)

    def summary(self, source: str) -> Iterator[tuple[str, str]]:
        """What a training takes, see :meth:`~sfumato.media.medium.Data.summary`."""
        yield from self.head()
        yield from self.used()
        yield from self.tail(3, source)


@dataclass(frozen=True)
class TextReport(TextContents):
    """A report on a set of texts.

    Attributes:
        source: The file or folder.
        settings: The settings of a run.
        held_out_share: The share of the held-out documents of all tokens.
        unknown: Number of unknown tokens, which only held-out texts can have.
        changes: Files that changed since the data were last read.
        fingerprint: Fingerprint of the texts.
    """

    source: Path
    settings: TextSettings
    held_out_share: float
    unknown: int
    changes: Changes
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return vars(self) | {
            "source": str(self.source),
            "settings": self.settings.model_dump(),
            "survey": self.survey.to_json(),
            "changes": self.changes.to_json(),
            "duplicates": [list(pair) for pair in self.duplicates],
            "leaks": [list(pair) for pair in self.leaks],
            "problems": [problem._asdict() for problem in self.problems],
        }

    def table(self) -> Iterator[tuple[str, str]]:
        """See :meth:`~sfumato.media.report.Report.table`."""
        survey = self.survey
        yield "source", escape_line(str(self.source))
        yield from self.head()
        yield "rarest", ", ".join(f"{character!r} {count:,}" for character, count in survey.rarest)
        yield "lengths", f"{survey.least:,} to {survey.most:,}, median {survey.median:,}"
        where = escape_line(survey.longest_line_at)
        yield "longest line", f"{survey.longest_line:,} characters ({where})"
        unknown = f", {self.unknown:,} of them unknown" if self.unknown else ""
        tokens = f"{self.tokens:,} {self.settings.tokens}{unknown}"
        yield "tokens", f"{tokens}; vocabulary {self.vocabulary:,}"
        yield from self.used()
        yield from self.tail(10)
        if self.changes:
            yield "since last read", escape_line(str(self.changes))
        begun = [escape_line(f"{name}: {text!r}") for name, text in survey.beginnings]
        yield "beginnings", "\n".join(begun)


def check(
    source: Path,
    settings: TextSettings,
    held_out: float = 0.05,
    cache_dir: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    labels: bool = True,
    selection: Selection = _EVERYTHING,
    hints: Mapping[str, str] | None = None,
) -> TextReport:
    """Read texts as a run would, and report on them.

    Args:
        source: A file or a folder.
        settings: How to read it.
        held_out: Share to hold out.
        cache_dir: The folder of caches; by default the user's cache.
        progress: Called with the progress.
        labels: Whether labels are used.
        selection: Which files of a folder are looked at.
        hints: What to do about files that are not looked at, by suffix.

    Raises:
        DataError: No usable texts were found.
        DiskFull: There is no room for the cache.
        MissingExtra: The tokens need a package that is not installed.
        SettingError: ``held_out`` is out of its range.
    """
    library = Library.open_or_prepare(
        source,
        settings,
        held_out,
        cache_dir=cache_dir,
        labels=labels,
        selection=selection,
        progress=progress,
    )
    training, measured = library.split()
    rows = Rows(library, training, settings.context, seed=0)
    return TextReport(
        **TextContents.counted(library, rows, hints or {}),
        source=source,
        settings=settings,
        held_out_share=float(library.lengths[measured].sum() / len(library.tokens)),
        unknown=_unknown(library),
        changes=library.changes,
        fingerprint=library.fingerprint,
    )


def entries(
    source: Path, settings: TextSettings, selection: Selection = _EVERYTHING
) -> Iterator[Entry]:
    """The present identity of every text file of a source; all of them are read.

    Raises:
        DataError: No usable texts were found.
    """
    texts = find_texts(source, selection)
    for file in texts.files:
        digest = digest_of_file(texts.root, file, settings).hex()
        yield Entry(file.path, 0, digest, size=file.size)


def _unknown(library: Library) -> int:
    """Count the unknown tokens in chunks."""
    unknown = library.tokenizer.unknown
    if unknown is None:
        return 0
    starts = range(0, len(library.tokens), _CHUNK)
    return sum(
        int(np.count_nonzero(library.tokens[start : start + _CHUNK] == unknown)) for start in starts
    )


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count > 1 else ''}"


def line_about(problem: Problem) -> str:
    """A problem in a line of a report."""
    where = problem.path if problem.line is None else f"{problem.path}:{problem.line}"
    return f"{where}: {problem.reason}"
