"""Which of two models is better: the same measures on the same real items, item by item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sfumato.errors import RunError
from sfumato.evaluation.comparison import Comparison, Row
from sfumato.evaluation.findings import Findings
from sfumato.evaluation.report import Figure, Section
from sfumato.evaluation.seen import Seen
from sfumato.metrics.interval import paired_difference, share_difference
from sfumato.metrics.kernel_difference import kernel_difference
from sfumato.metrics.kernel_distance import LEAST
from sfumato.model.model import Trained

_NOBODY = "cannot be told apart"


class Difference(NamedTuple):
    """Of a figure of the first run from that of the second.

    Attributes:
        figure: With an interval of 95 %.
        better: Which sign is good for the first run: -1 if a small figure is better, 1 if a large
            one is.
    """

    figure: Figure
    better: int


def comparison(first: Findings, second: Findings) -> Comparison:
    """Hold two evaluations against each other.

    Args:
        first, second: Of two runs on one medium, with the same seed, samples and real items.

    Raises:
        RunError: They were not held against the same real items.
    """
    ours, theirs = first.report, second.report
    if ours.medium != theirs.medium or ours.split != theirs.split:
        raise RunError(
            f"'{ours.run}' and '{theirs.run}' cannot be compared.",
            why="they were held against other real items",
            hint="compare runs on the same data, with the same share held out.",
        )
    differences = dict(_differences(first, second))
    rows = tuple(
        _row(section, figure, theirs_by_key[key], differences.get(key), (ours.run, theirs.run))
        for theirs_by_key in (dict(theirs.figures()),)
        for section in ours.sections
        for figure in section.figures
        if (key := f"{section.key}/{figure.key}") in theirs_by_key and _comparable(section, second)
    )
    notes = tuple(dict.fromkeys((*_notes(), *ours.notes, *theirs.notes)))
    return Comparison((ours, theirs), rows, notes)


def require_alike(first: Trained[Any], second: Trained[Any]) -> None:
    """Refuse two runs that cannot be compared, before minutes are spent on them.

    Raises:
        RunError: They are of two media, or on other data.
    """
    ours, theirs = first.spec, second.spec
    why = None
    if ours.medium != theirs.medium:
        why = f"one makes {ours.medium} and the other {theirs.medium}"
    elif ours.data.fingerprint != theirs.data.fingerprint:
        why = f"one learnt from {ours.data.source} and the other from {theirs.data.source}"
    if why is not None:
        raise RunError(
            f"'{first.directory.name}' and '{second.directory.name}' cannot be compared.",
            why=why,
            hint="compare runs on the same data, with the same share held out.",
        )


def _comparable(section: Section, other: Findings) -> bool:
    """Whether the other run's section was measured through the same extractor."""
    theirs = {one.key: one.extractor for one in other.report.sections}
    return theirs.get(section.key) == section.extractor


def _differences(first: Findings, second: Findings) -> Iterator[tuple[str, Difference]]:
    others = {(one.name, one.identity): one for one in second.seen}
    for one in first.seen:
        other = others.get((one.name, one.identity))
        if other is not None:
            yield from _of_distances(one, other)
    # One held-out item has no spread.
    if first.bits is not None and second.bits is not None and len(first.bits) > 1:
        found = paired_difference(first.bits.tolist(), second.bits.tolist())
        n = (len(first.bits),)
        figure = Figure("held_out", "difference", found.mean, found.low, found.high, n=n)
        yield "likelihood/held_out", Difference(figure, -1)
    if first.hits is not None and second.hits is not None:
        share = share_difference(first.hits.tolist(), second.hits.tolist())
        n = (len(first.hits),)
        form = "+.1%"
        figure = Figure("in_class", "difference", share.mean, share.low, share.high, n=n, form=form)
        yield f"classes/{first.seen[0].name}/in_class", Difference(figure, 1)


def _of_distances(one: Seen, other: Seen) -> Iterator[tuple[str, Difference]]:
    for key, real in (("held_out", one.held_out), ("training", one.known)):
        if len(real) < LEAST:
            continue
        found = kernel_difference(one.samples, other.samples, real, one.kernel)
        value, low, high = (100 * number for number in found)
        figure = Figure(key, "difference", value, low, high, n=(len(one.samples), len(real)))
        yield f"distance/{one.name}/{key}", Difference(figure, -1)


def _row(
    section: Section,
    ours: Figure,
    theirs: Figure,
    difference: Difference | None,
    names: tuple[str, str],
) -> Row:
    verdict = "" if difference is None else _verdict(difference, names)
    return Row(
        section.title,
        ours.title,
        f"{section.key}/{ours.key}",
        ours,
        theirs,
        None if difference is None else difference.figure,
        verdict,
    )


def _verdict(difference: Difference, names: tuple[str, str]) -> str:
    figure = difference.figure
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return _NOBODY
    first = (figure.low > 0) == (difference.better > 0)
    return f"{names[0] if first else names[1]} is better"


def _notes() -> Iterator[str]:
    yield (
        "differences are of the first run from the second, with 95 % intervals over the same real "
        "items and, with as many samples, over pairs that began with the same noise"
    )
