"""From a run to a report of how good its model is, in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sfumato import storage
from sfumato.errors import SettingError
from sfumato.recipes import TextRecipe
from sfumato.run.directory import require_writable
from sfumato.run.run import Run
from sfumato.run.text.evaluation import Evaluation, Report, evaluate
from sfumato.run.text.progress import Measuring
from sfumato.run.text.sampling import TextModel

FILE = "evaluation.json"


@dataclass(frozen=True)
class Evaluated:
    """A report in a file.

    Attributes:
        report: What was found.
        path: Where it was written.
    """

    report: Report
    path: Path


def evaluate_run(
    run: str | Path, asked: Evaluation, out: Path | None = None
) -> Iterator[Measuring | Evaluated]:
    """Evaluate a run on text and write the report.

    Args:
        run: Name or path of the run.
        asked: What to measure.
        out: File for the report, over an earlier one; ``evaluation.json`` of the run if None.

    Yields:
        Progress, and at last the report.

    Raises:
        SettingError: It is a run on pictures, or a value is out of range.
        SfumatoError: See :func:`~sfumato.run.text.evaluation.evaluate`.
    """
    opened = Run.open(run)
    # Known by the spec, before weights are read.
    if not isinstance(opened.spec.recipe, TextRecipe):
        raise SettingError(
            f"The run '{opened.name}' cannot be evaluated.",
            why="evaluate is for runs on text so far, and this is one on pictures",
        )
    path = opened.directory.root / FILE if out is None else out
    if path.is_dir():
        raise SettingError(f"'{path}' is a folder.", hint="name a file: --out FILE")
    require_writable(path.parent)
    model = opened.model
    if not isinstance(model, TextModel):
        raise TypeError("a run on text has a model of text")
    for event in evaluate(model, asked):
        if isinstance(event, Report):
            storage.write_json(path, event.to_json())
            yield Evaluated(event, path)
        else:
            yield event
