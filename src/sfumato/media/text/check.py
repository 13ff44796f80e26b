"""Reports on sets of texts: as they are stored, and as a run would read them.

A check builds the library that a run with the same settings uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.data.digests import Changes, Entry
from sfumato.escaping import escape_line
from sfumato.media.report import classes_in_words, listed
from sfumato.media.text.building import Progress
from sfumato.media.text.collection import Survey
from sfumato.media.text.files import Problem, find_texts
from sfumato.media.text.identity import digest_of_file
from sfumato.media.text.library import Library
from sfumato.media.text.rows import Rows
from sfumato.media.text.settings import TextSettings

_CHUNK = 1 << 24


@dataclass(frozen=True)
class TextReport:
    """A report on a set of texts.

    Attributes:
        source: The file or folder.
        settings: The settings of a run.
        documents: Number of usable documents.
        held_out: Number of held-out documents among them.
        held_out_share: Their share of all tokens.
        survey: Statistics of characters and lengths, the longest line and some beginnings.
        vocabulary: Number of different tokens.
        tokens: Number of tokens of all documents.
        unknown: Number of unknown tokens, which only held-out texts can have.
        rows: Number of rows of ``settings.context`` tokens in an epoch of training.
        labels: Number of documents of each class; empty without labels.
        duplicates: Names of equal texts, the later and the first, the first 1000 pairs.
        duplicate_count: Number of texts that are equal to an earlier one.
        problems: What was set aside or repaired, the first 1000.
        problem_count: Number of all problems.
        changes: Files that changed since the data were last read.
        fingerprint: Fingerprint of the texts.
    """

    source: Path
    settings: TextSettings
    documents: int
    held_out: int
    held_out_share: float
    survey: Survey
    vocabulary: int
    tokens: int
    unknown: int
    rows: int
    labels: dict[str, int]
    duplicates: tuple[tuple[str, str], ...]
    duplicate_count: int
    problems: tuple[Problem, ...]
    problem_count: int
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
            "problems": [problem._asdict() for problem in self.problems],
        }

    def table(self) -> Iterator[tuple[str, str]]:
        """See :meth:`~sfumato.media.report.Report.table`."""
        survey, settings = self.survey, self.settings
        yield "source", escape_line(str(self.source))
        yield "texts", f"{self.documents:,}, of them held out {self.held_out:,}"
        yield "characters", f"{survey.characters:,}, {survey.distinct:,} different"
        yield "rarest", ", ".join(f"{character!r} {count:,}" for character, count in survey.rarest)
        yield "lengths", f"{survey.least:,} to {survey.most:,}, median {survey.median:,}"
        where = escape_line(survey.longest_line_at)
        yield "longest line", f"{survey.longest_line:,} characters ({where})"
        unknown = f", {self.unknown:,} of them unknown" if self.unknown else ""
        tokens = f"{self.tokens:,} {settings.tokens}{unknown}"
        yield "tokens", f"{tokens}; vocabulary {self.vocabulary:,}"
        yield "rows", f"{self.rows:,} of {settings.context} tokens to train on"
        yield "classes", classes_in_words(self.labels)
        same = [f"{later} = {first}" for later, first in self.duplicates]
        yield "duplicates", listed(same, self.duplicate_count)
        problems = [_line_about(problem) for problem in self.problems]
        yield "set aside or repaired", listed(problems, self.problem_count)
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
) -> TextReport:
    """Read texts as a run would, and report on them.

    Raises:
        DataError: No usable texts were found.
        DiskFull: There is no room for the cache.
        MissingExtra: The tokens need a package that is not installed.
        SettingError: ``held_out`` is out of its range.
    """
    library = Library.open_or_prepare(
        source, settings, held_out, cache_dir=cache_dir, labels=labels, progress=progress
    )
    training, measured = library.split()
    by_label: dict[str, int] = {}
    if library.labels is not None:
        counts = np.bincount(library.labels, minlength=len(library.classes))
        by_label = dict(zip(library.classes, counts.tolist(), strict=True))
    return TextReport(
        source=source,
        settings=settings,
        documents=len(library),
        held_out=len(measured),
        held_out_share=float(library.lengths[measured].sum() / len(library.tokens)),
        survey=library.survey,
        vocabulary=library.tokenizer.size,
        tokens=len(library.tokens),
        unknown=_unknown(library),
        rows=len(Rows(library, training, settings.context, seed=0)),
        labels=by_label,
        duplicates=library.duplicates,
        duplicate_count=library.duplicate_count,
        problems=library.problems,
        problem_count=library.problem_count,
        changes=library.changes,
        fingerprint=library.fingerprint,
    )


def entries(source: Path, settings: TextSettings) -> Iterator[Entry]:
    """The present identity of every text file of a source; all of them are read.

    Raises:
        DataError: No usable texts were found.
    """
    texts = find_texts(source)
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


def _line_about(problem: Problem) -> str:
    where = problem.path if problem.line is None else f"{problem.path}:{problem.line}"
    return f"{where}: {problem.reason}"
