"""An evaluation of any run, and a comparison of two."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from sfumato.errors import SettingError
from sfumato.evaluation import signals, texts
from sfumato.evaluation.asked import Asked
from sfumato.evaluation.comparison import Comparison
from sfumato.evaluation.exhibits import Plot
from sfumato.evaluation.findings import Findings
from sfumato.evaluation.pictures import PictureView
from sfumato.evaluation.sounds import SoundView
from sfumato.evaluation.steps import quality_by_steps
from sfumato.evaluation.versus import comparison, require_alike
from sfumato.metrics.extractor import Extractor
from sfumato.model.audio import AudioModel
from sfumato.model.image import ImageModel
from sfumato.model.model import require_within
from sfumato.model.tokens import TextModel
from sfumato.runs.measuring import Measuring

AnyModel = ImageModel | AudioModel | TextModel
_MOST_STEPS = 10_000
# Samples for each number of steps: enough to see a curve, and few enough to wait for.
_OF_EACH = 256


def evaluate(
    model: AnyModel, asked: Asked, extractors: Sequence[Extractor[Any]] = ()
) -> Generator[Measuring, None, Findings]:
    """Evaluate a model; yields progress.

    The findings are a function of the weights, the data and what is asked.

    Args:
        model: Of a run.
        asked: What to measure.
        extractors: More of them, beside the medium's own and those named in ``asked``.

    Raises:
        SettingError: A value is out of range, or of another medium.
        DataError: The data are gone.
        RunError: They are not what the run began with.
        MissingExtra: What was asked needs a package that is not installed.
    """
    if isinstance(model, TextModel):
        return (yield from texts.evaluate(model, asked, extractors))
    if isinstance(model, AudioModel):
        return (yield from signals.evaluate(model, SoundView(model, asked), asked, extractors))
    return (yield from signals.evaluate(model, PictureView(), asked, extractors))


def compare(
    first: AnyModel,
    second: AnyModel,
    asked: Asked,
    steps: Sequence[int],
    extractors: Sequence[Extractor[Any]] = (),
) -> Generator[Measuring, None, tuple[Comparison, tuple[Plot, ...]]]:
    """Evaluate two models on the same real items and hold them against each other.

    Args:
        first, second: Of two runs on one medium and the same data.
        asked: What to measure.
        steps: Numbers of network evaluations at which quality is measured too; none for none.
        extractors: As for :func:`evaluate`.

    Raises:
        SfumatoError: See :func:`evaluate`.
        RunError: They are of two media, or on other data.
        SettingError: A number of steps is out of range.
    """
    for count in steps:
        require_within("steps", count, 1, _MOST_STEPS)
    if len(set(steps)) != len(steps):
        raise SettingError("Every number of steps is measured once.", why=f"given: {list(steps)}")
    require_alike(first, second)
    ours = yield from evaluate(first, asked, extractors)
    theirs = yield from evaluate(second, asked, extractors)
    found = comparison(ours, theirs)
    plots: tuple[Plot, ...] = ()
    if steps:
        n = min(_OF_EACH, len(ours.seen[0].samples))
        plots = ((yield from quality_by_steps((ours, theirs), sorted(steps), n)),)
    return found, plots
