"""Evaluate, compare and score runs by name, with the results in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sfumato import storage
from sfumato.engine.claim import claimed
from sfumato.errors import SettingError
from sfumato.evaluation.compare import Comparison, compare
from sfumato.evaluation.page import comparison_page, report_page
from sfumato.evaluation.restoration.course import evaluated
from sfumato.evaluation.result import Report
from sfumato.evaluation.score import Scores, score
from sfumato.media.folder import require_writable
from sfumato.model.open import open_model
from sfumato.model.options import CompareOptions, EvaluateOptions, ScoreOptions
from sfumato.runs.progress import Progress
from sfumato.runs.weights import LATEST

_REPORT, _PAGE = "report.json", "report.html"
_RESTORE = "restore"


@dataclass(frozen=True)
class Evaluated:
    """A report in files.

    Attributes:
        report: The report.
        path: The report as JSON.
        page: The report as an HTML page, which needs no network.
    """

    report: Report
    path: Path
    page: Path


@dataclass(frozen=True)
class Compared:
    """A comparison in files.

    Attributes:
        comparison: The comparison.
        path: The comparison as JSON.
        page: The comparison as an HTML page, which needs no network.
    """

    comparison: Comparison
    path: Path
    page: Path


def evaluate_run(
    run: str | Path,
    options: EvaluateOptions | None = None,
    out: Path | None = None,
    snapshot: str = LATEST,
) -> Iterator[Progress | Evaluated]:
    """Evaluate a run and write the report; an earlier report is replaced.

    Args:
        run: Name or path of the run.
        options: What to measure.
        out: Folder for the report; by default the folder ``evaluation`` of the run, or
            ``evaluation/restore`` for restoration.
        snapshot: Which weights, ``latest`` or ``best``.

    Yields:
        Progress, and the report at the end.

    Raises:
        RunLocked: Another process evaluates into the same folder.
        SfumatoError: See :func:`sfumato.evaluation.evaluate.evaluate`.
    """
    model = open_model(run, snapshot)
    options = EvaluateOptions() if options is None else options
    usual = model.directory.evaluation
    folder = _checked((usual / _RESTORE if options.restore else usual) if out is None else out)
    path, page = folder / _REPORT, folder / _PAGE
    with claimed(folder, "report"):
        evaluation = yield from evaluated(model, options)
        storage.write_json(path, evaluation.report.to_json())
        storage.write_text(page, report_page(evaluation.report, evaluation.displays))
    yield Evaluated(evaluation.report, path, page)


def compare_runs(
    first: str | Path,
    second: str | Path,
    options: CompareOptions | None = None,
    out: Path | None = None,
    snapshot: str = LATEST,
) -> Iterator[Progress | Compared]:
    """Evaluate two runs on the same real items and write the comparison.

    Args:
        first, second: Names or paths of the runs.
        options: What to measure.
        out: Folder for the comparison; by default the folder ``evaluation`` of the first run.
        snapshot: Which weights of both runs, ``latest`` or ``best``.

    Yields:
        Progress, and the comparison at the end.

    Raises:
        RunLocked: Another process compares the same runs into the same folder.
        SfumatoError: See :func:`sfumato.evaluation.compare.compare`.
    """
    ours, theirs = open_model(first, snapshot), open_model(second, snapshot)
    folder = _checked(ours.directory.evaluation if out is None else out)
    name = f"{ours.directory.name}-{theirs.directory.name}"
    path, page = folder / f"{name}.json", folder / f"{name}.html"
    with claimed(folder, name):
        comparison, plots = yield from compare(ours, theirs, options)
        storage.write_json(path, comparison.to_json())
        storage.write_text(page, comparison_page(comparison, plots))
    yield Compared(comparison, path, page)


def score_files(
    run: str | Path,
    files: Iterable[str | Path],
    options: ScoreOptions | None = None,
    snapshot: str = LATEST,
) -> Iterator[Progress | Scores]:
    """Score files by their likelihood under a run.

    Args:
        run: Name or path of the run.
        files: Files, and folders of files.
        options: How to score.
        snapshot: Which weights, ``latest`` or ``best``.

    Yields:
        Progress, and the scores at the end.

    Raises:
        SfumatoError: See :func:`sfumato.evaluation.score.score`.
    """
    yield (yield from score(open_model(run, snapshot), files, options))


def _checked(path: Path) -> Path:
    """The folder, if a report can be written there: to make a report takes minutes.

    Raises:
        SettingError: The folder cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise SettingError(f"'{path}' is a file.", hint="name a folder: --out FOLDER")
    require_writable(path if path.exists() else path.parent)
    storage.sweep(path)  # A killed evaluation may have left a draft.
    return path
