"""Evaluations run to their end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfumato.evaluation.asked import Asked
from sfumato.evaluation.course import evaluate
from sfumato.evaluation.findings import Findings
from sfumato.metrics.extractor import Extractor
from sfumato.run import open_run
from sfumato.runs.measuring import Measuring


def findings(run: Path, asked: Asked, extractors: Sequence[Extractor[Any]] = ()) -> Findings:
    """Evaluate a run; every event on the way has to be one of progress."""
    steps = evaluate(open_run(run).model, asked, extractors)
    while True:
        try:
            assert isinstance(next(steps), Measuring)
        except StopIteration as end:
            assert isinstance(end.value, Findings)
            return end.value
