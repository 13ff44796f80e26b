"""``sfumato tune``: fit a sampler to a run of any medium, for one number of evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from sfumato.errors import SettingError
from sfumato.model.model import require_within
from sfumato.model.tokens import TextModel
from sfumato.run import Run
from sfumato.runs.tuned import Events
from sfumato.runs.weights import LATEST
from sfumato.verbs.tune_numbers import tune as tune_signals
from sfumato.verbs.tune_tokens import tune as tune_text

EXAMPLES: Mapping[str, int] = MappingProxyType({"signals": 48, "text": 32})


def tune(
    run: str | Path,
    steps: int,
    *,
    scale: float | None = None,
    examples: int | None = None,
    rounds: int = 4,
    seed: int = 0,
    snapshot: str = LATEST,
) -> Events:
    """Fit a sampler; what is better than the best without fitting is kept in the run.

    From then on sampling takes it where as many evaluations and the same guidance are asked for,
    and no sampler is named, until the run has other weights.

    Args:
        run: Name or path.
        steps: Evaluations, 2 to 50.
        scale: Guidance it is fitted for; None = the recipe's. Not for text.
        examples: Samples, or rows of text, to fit to; as many others decide.
        rounds: Of the fit, at most. Text needs none.
        seed: Of the noise.
        snapshot: Which weights.

    Raises:
        SettingError: A value is out of range.
        RunError: The run has no weights yet.
    """
    require_within("steps", steps, 2, 50)
    require_within("rounds", rounds, 1, 100)
    model = Run.open(run, snapshot).model
    text = isinstance(model, TextModel)
    count = EXAMPLES["text" if text else "signals"] if examples is None else examples
    require_within("examples", count, 2, 10_000)
    if not isinstance(model, TextModel):
        return tune_signals(model, steps, scale, count, rounds, seed)
    if scale is not None:
        raise SettingError("scale is not tuned for.", why="a grid of text is fitted without it")
    return tune_text(model, steps, count, seed)
