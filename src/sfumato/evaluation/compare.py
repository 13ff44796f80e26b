"""Compare two models: the same measures on the same real items, and differences item by item."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import sfumato
from sfumato.errors import RunError, SettingError
from sfumato.evaluation.display import Line, Plot
from sfumato.evaluation.evaluate import Evaluation, evaluate
from sfumato.evaluation.features import Features
from sfumato.evaluation.result import Figure, Report, Section
from sfumato.evaluation.words import KEY, Agreement
from sfumato.metrics.interval import paired_difference, share_difference
from sfumato.metrics.kernel_difference import kernel_difference
from sfumato.metrics.kernel_distance import LEAST, kernel_distance
from sfumato.model.checks import require_within
from sfumato.model.model import Model
from sfumato.model.options import CompareOptions, EvaluateOptions
from sfumato.runs.progress import Progress

FORMAT = 1
_MOST_STEPS = 10_000
# Samples for each number of steps: enough for a curve, and few enough to wait for.
_SAMPLES_BY_STEPS = 256
_SAME = "cannot be distinguished"
_HINT = "compare runs on the same data, with the same share held out."
_PAIRED = (
    "a difference is the figure of the first run minus that of the second, with a 95 % interval "
    "over the same real items and, for equal numbers of samples, over pairs of samples that began "
    "with the same noise"
)


@dataclass(frozen=True)
class Row:
    """One figure of both runs.

    Attributes:
        section: Title of its section.
        title: What is measured.
        key: Its full key in both reports, ``section/figure``.
        ours, theirs: The figures of the first run and of the second.
        difference: The first minus the second, item by item; None if nothing is paired.
        verdict: Which run is better, if that is known; empty without a difference.
    """

    section: str
    title: str
    key: str
    ours: Figure
    theirs: Figure
    difference: Figure | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        reports: The reports of the two runs.
        rows: The figures that both reports have.
        notes: Remarks that a reader needs to interpret the figures.
    """

    reports: tuple[Report, Report]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def runs(self) -> tuple[str, str]:
        """The names of the runs."""
        first, second = self.reports
        return first.run, second.run

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain data."""
        names = ("run", "medium", "model", "snapshot", "step", "seed", "sampling")
        return {
            "format": FORMAT,
            "sfumato": sfumato.__version__,
            "runs": [{name: getattr(report, name) for name in names} for report in self.reports],
            "split": asdict(self.reports[0].split),
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
        }


def compare(
    first: Model[Any], second: Model[Any], options: CompareOptions | None = None
) -> Generator[Progress, None, tuple[Comparison, tuple[Plot, ...]]]:
    """Evaluate two models on the same real items and compare them; yields progress.

    Args:
        first, second: Models of two runs on one medium and the same data.
        options: What to measure.

    Raises:
        SfumatoError: See :func:`sfumato.evaluation.evaluate.evaluate`.
        RunError: The runs are on different media or different data.
        SettingError: A number of steps is out of range, or given twice.
    """
    options = CompareOptions() if options is None else options
    for count in options.at:
        require_within("steps", count, 1, _MOST_STEPS)
    if len(set(options.at)) != len(options.at):
        raise SettingError(
            "Each number of steps can be measured only once.", why=f"given: {list(options.at)}"
        )
    _require_comparable(first, second)
    names = ("n", "seed", "steps", "sampler", "data", "extractors", "scale")
    measures = EvaluateOptions(**{name: getattr(options, name) for name in names})
    ours = yield from evaluate(first, measures)
    theirs = yield from evaluate(second, measures)
    compared = comparison(ours, theirs)
    plots: tuple[Plot, ...] = ()
    if options.at:
        n = min(_SAMPLES_BY_STEPS, len(ours.features[0].samples))
        plots = ((yield from quality_by_steps((ours, theirs), sorted(options.at), n)),)
    return compared, plots


def comparison(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two evaluations.

    Args:
        first, second: Evaluations of two runs on one medium, with the same seed, number of samples
            and real items.

    Raises:
        RunError: The samples were compared with different real items.
    """
    ours, theirs = first.report, second.report
    if ours.medium != theirs.medium or ours.split != theirs.split:
        raise _incomparable(
            ours.run, theirs.run, "their samples were compared with different items"
        )
    differences = dict(_differences(first, second))
    others = dict(theirs.figures())
    extractors = {section.key: section.extractor for section in theirs.sections}
    rows = tuple(
        _row(section, key, figure, others[key], differences.get(key), (ours.run, theirs.run))
        for section in ours.sections
        # Figures by extractors of one name and different weights are not comparable.
        if extractors.get(section.key) == section.extractor
        for figure in section.figures
        if (key := f"{section.key}/{figure.key}") in others
    )
    notes = tuple(dict.fromkeys((_PAIRED, *ours.notes, *theirs.notes)))
    return Comparison((ours, theirs), rows, notes)


def quality_by_steps(
    evaluations: Sequence[Evaluation], steps: Sequence[int], n: int
) -> Generator[Progress, None, Plot]:
    """Distances of samples that are made in few and in many network evaluations.

    Args:
        evaluations: Evaluations of runs on the same real items; each keeps its sampler and all
            other settings.
        steps: Numbers of network evaluations, ascending.
        n: Samples for each of them.
    """
    # All runs were compared with the same real items.
    principal = evaluations[0].features[0]
    unseen = len(principal.held_out) >= LEAST
    real = principal.held_out if unseen else principal.some_training
    what = "held-out" if unseen else "training"
    lines = []
    for evaluation in evaluations:
        name = evaluation.report.run
        distances = []
        for count in steps:
            features = yield from evaluation.resample(n, count, f"{name}, {count} steps")
            distance = kernel_distance(features, real, principal.kernel)
            distances.append(tuple(100 * value for value in distance))
        values, low, high = zip(*distances, strict=True)
        lines.append(Line(name, tuple(map(float, steps)), values, low, high))
    return Plot(
        "quality against steps",
        f"distance of {n:,} samples to {what} items by {principal.name}; lower is better, and the "
        "bands are 95 % intervals",
        "network evaluations per sample",
        "distance x 100",
        tuple(lines),
    )


class _Difference(NamedTuple):
    """The first run minus the second; ``better`` is the sign that is good for the first run."""

    figure: Figure
    better: int


def _require_comparable(first: Model[Any], second: Model[Any]) -> None:
    """Refuse two runs that cannot be compared, before minutes are spent on them."""
    media = first.medium.name, second.medium.name
    ours, theirs = first.spec.data, second.spec.data
    if media[0] != media[1]:
        why = f"the medium of one is {media[0]}, and that of the other is {media[1]}"
    elif ours.fingerprint != theirs.fingerprint:
        why = f"one was trained on {ours.source}, and the other on {theirs.source}"
    else:
        return
    raise _incomparable(first.directory.name, second.directory.name, why)


def _incomparable(first: str, second: str, why: str) -> RunError:
    return RunError(f"'{first}' and '{second}' cannot be compared.", why=why, hint=_HINT)


def _differences(first: Evaluation, second: Evaluation) -> Iterator[tuple[str, _Difference]]:
    others = {(one.name, one.identity): one for one in second.features}
    for one in first.features:
        other = others.get((one.name, one.identity))
        if other is not None:
            yield from _of_distances(one, other)
    # The spread of a single held-out item is unknown.
    if first.bits is not None and second.bits is not None and len(first.bits) > 1:
        bits = paired_difference(first.bits.tolist(), second.bits.tolist())
        n = (len(first.bits),)
        figure = Figure("held_out", "difference", bits.mean, bits.low, bits.high, n=n)
        yield "likelihood/held_out", _Difference(figure, -1)
    if first.correct is not None and second.correct is not None:
        share = share_difference(first.correct.tolist(), second.correct.tolist())
        n, form = (len(first.correct),), "+.1%"
        figure = Figure("in_class", "difference", share.mean, share.low, share.high, n=n, form=form)
        yield f"classes/{first.features[0].name}/in_class", _Difference(figure, 1)

    yield from _of_words(first.words, second.words)


def _of_words(one: Agreement, other: Agreement) -> Iterator[tuple[str, _Difference]]:
    """The agreement of samples from the same captions."""
    if one.of_each is None or other.of_each is None or one.prompts != other.prompts:
        return
    share = paired_difference(one.of_each.tolist(), other.of_each.tolist())
    n, bounds = (len(one.prompts),), (share.low, share.high)
    figure = Figure("held_out", "difference", share.mean, *bounds, n=n, form="+.1%")
    yield f"{KEY}/held_out", _Difference(figure, 1)


def _of_distances(one: Features, other: Features) -> Iterator[tuple[str, _Difference]]:
    for key, real in (("held_out", one.held_out), ("training", one.some_training)):
        if len(real) < LEAST:
            continue
        difference = kernel_difference(one.samples, other.samples, real, one.kernel)
        value, low, high = (100 * number for number in difference)
        figure = Figure(key, "difference", value, low, high, n=(len(one.samples), len(real)))
        yield f"distance/{one.name}/{key}", _Difference(figure, -1)


def _row(
    section: Section,
    key: str,
    ours: Figure,
    theirs: Figure,
    difference: _Difference | None,
    names: tuple[str, str],
) -> Row:
    if difference is None:
        return Row(section.title, ours.title, key, ours, theirs, None, "")
    figure = difference.figure
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        verdict = _SAME
    else:
        first = (figure.low > 0) == (difference.better > 0)
        verdict = f"{names[0] if first else names[1]} is better"
    return Row(section.title, ours.title, key, ours, theirs, figure, verdict)
