"""From files to how likely a run finds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sfumato.evaluation.scoring.asked import Asked
from sfumato.evaluation.scoring.course import score
from sfumato.evaluation.scoring.scores import Scores
from sfumato.run import Run
from sfumato.runs.measuring import Measuring


def score_files(
    run: str | Path, places: Iterable[str | Path], asked: Asked, snapshot: str = "latest"
) -> Iterator[Measuring | Scores]:
    """Score files by a run.

    Args:
        run: Name or path of the run.
        places: Files, and folders of them.
        asked: How to score.
        snapshot: Which weights, ``latest`` or ``best``.

    Yields:
        Progress, and at last the scores.

    Raises:
        SfumatoError: See :func:`sfumato.evaluation.scoring.course.score`.
    """
    yield (yield from score(Run.open(run, snapshot).model, places, asked))
