"""From runs to reports of how good their models are, in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato import storage
from sfumato.errors import SettingError
from sfumato.evaluation import comparison_page, course, page
from sfumato.evaluation.asked import Asked
from sfumato.evaluation.comparison import Comparison
from sfumato.evaluation.report import Report
from sfumato.evaluation.steps import STEPS
from sfumato.metrics.extractor import Extractor
from sfumato.run import Run
from sfumato.runs.directory import require_writable
from sfumato.runs.measuring import Measuring

_REPORT, _PAGE = "report.json", "report.html"


@dataclass(frozen=True)
class Evaluated:
    """A report in files.

    Attributes:
        report: What was found.
        path: The report as JSON.
        page: The report as a page with pictures, sounds or texts, which needs no network.
    """

    report: Report
    path: Path
    page: Path


@dataclass(frozen=True)
class Compared:
    """A comparison in files.

    Attributes:
        comparison: What was found.
        path: The comparison as JSON.
        page: The comparison as a page, which needs no network.
    """

    comparison: Comparison
    path: Path
    page: Path


def evaluate_run(
    run: str | Path,
    asked: Asked,
    out: Path | None = None,
    snapshot: str = "latest",
    extractors: Sequence[Extractor[Any]] = (),
) -> Iterator[Measuring | Evaluated]:
    """Evaluate a run and write the report, over an earlier one.

    Args:
        run: Name or path of the run.
        asked: What to measure.
        out: Folder for the report; ``evaluation`` of the run if None.
        snapshot: Which weights, ``latest`` or ``best``.
        extractors: More of them, beside those of the medium.

    Yields:
        Progress, and at last the report.

    Raises:
        SfumatoError: See :func:`sfumato.evaluation.course.evaluate`.
    """
    opened = Run.open(run, snapshot)
    folder = _checked(opened.directory.evaluation if out is None else out)
    found = yield from course.evaluate(opened.model, asked, extractors)
    path, shown = folder / _REPORT, folder / _PAGE
    folder.mkdir(parents=True, exist_ok=True)
    storage.write_json(path, found.report.to_json())
    storage.write_text(shown, page.page(found.report, found.exhibits))
    yield Evaluated(found.report, path, shown)


def compare_runs(
    first: str | Path,
    second: str | Path,
    asked: Asked,
    steps: Sequence[int] = STEPS,
    out: Path | None = None,
    snapshot: str = "latest",
) -> Iterator[Measuring | Compared]:
    """Evaluate two runs on the same real items and write what is better in which.

    Args:
        first, second: Names or paths of the runs.
        asked: What to measure.
        steps: Numbers of network evaluations at which quality is measured too; none for none.
        out: Folder for the comparison; ``evaluation`` of the first run if None.
        snapshot: Which weights of both, ``latest`` or ``best``.

    Yields:
        Progress, and at last the comparison.

    Raises:
        SfumatoError: See :func:`sfumato.evaluation.course.compare`.
    """
    ours, theirs = Run.open(first, snapshot), Run.open(second, snapshot)
    folder = _checked(ours.directory.evaluation if out is None else out)
    found, plots = yield from course.compare(ours.model, theirs.model, asked, steps)
    name = f"{ours.name}-{theirs.name}"
    path, shown = folder / f"{name}.json", folder / f"{name}.html"
    folder.mkdir(parents=True, exist_ok=True)
    storage.write_json(path, found.to_json())
    storage.write_text(shown, comparison_page.page(found, plots))
    yield Compared(found, path, shown)


def _checked(path: Path) -> Path:
    """The folder, if a report can be written there: it takes minutes to make."""
    if path.exists() and not path.is_dir():
        raise SettingError(f"'{path}' is a file.", hint="name a folder: --out FOLDER")
    require_writable(path if path.exists() else path.parent)
    return path
