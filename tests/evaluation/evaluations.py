"""Evaluations run to their end."""

from __future__ import annotations

from pathlib import Path

from sfumato.evaluation.evaluate import Evaluation, evaluate
from sfumato.model.options import EvaluateOptions
from sfumato.run import open_run
from sfumato.runs.progress import Progress


def evaluated(run: Path, options: EvaluateOptions) -> Evaluation:
    """Evaluate a run; every event on the way has to be one of progress."""
    steps = evaluate(open_run(run).model, options)
    while True:
        try:
            assert isinstance(next(steps), Progress)
        except StopIteration as end:
            assert isinstance(end.value, Evaluation)
            return end.value
