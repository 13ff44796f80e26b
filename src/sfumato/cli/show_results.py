"""Printing of measurements: reports, comparisons, scores and tuned samplers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sfumato.cli.output import cell, columns, dump, progress, say
from sfumato.engine.terminal import results

if TYPE_CHECKING:
    from sfumato.evaluation.compare import Comparison
    from sfumato.evaluation.files import Compared, Evaluated
    from sfumato.evaluation.result import Report, Section
    from sfumato.evaluation.score import Score, Scores
    from sfumato.runs.progress import Progress
    from sfumato.runs.tuned import Events

_WIDE = 10_000


def evaluation(events: Iterator[Progress | Evaluated], as_json: bool) -> None:
    """Show the progress of an evaluation, and print its report."""
    found = _result(events, as_json)
    if as_json:
        dump(found.report.to_json())
        return
    report(found.report)
    say(f"report: {found.path}")
    say(f"page: {found.page}")


def comparison(events: Iterator[Progress | Compared], as_json: bool) -> None:
    """Show the progress of a comparison, and print its result."""
    found = _result(events, as_json)
    if as_json:
        dump(found.comparison.to_json())
        return
    compared(found.comparison)
    say(f"comparison: {found.path}")
    say(f"page: {found.page}")


def scores(events: Iterator[Progress | Scores], as_json: bool) -> None:
    """Show the progress of scoring, and print the table of scores."""
    found = _result(events, as_json)
    if as_json:
        dump(found.to_json())
    else:
        scored(found)


def tuning(events: Events, as_json: bool) -> None:
    """Show the progress of a fit, and print its result."""
    found = _result(events, as_json)
    tuned = found.tuning
    if as_json:
        path = None if found.path is None else str(found.path)
        dump({**tuned.model_dump(mode="json"), "path": path})
        return
    say(f"{tuned.measure}, on held-out noise or text:")
    say(f"  tuned for {tuned.steps} evaluations  {tuned.error:.4f}")
    say(f"  {tuned.untuned}, the best untuned  {tuned.untuned_error:.4f}")
    if found.path is None:
        say("The tuned sampler is not stored, as it is not better. More --examples may help.")
    else:
        say(f"stored: {found.path}")
        say(f"sfumato sample --steps {tuned.steps} uses it from now on.")


def report(found: Report) -> None:
    """Print a table for each section with its warnings, then a summary and notes."""
    from sfumato.evaluation.result import summary

    console = results(highlight=False)
    for section in found.sections:
        _print(console, _section(section))
    for sentence in summary(found):
        say(f"- {sentence}")
    for note in found.notes:
        say(f"note: {note}")


def compared(found: Comparison) -> None:
    """Print a table for each section, with the differences between the runs."""
    console = results(highlight=False)
    for title, group in groupby(found.rows, key=lambda row: row.section):
        table = columns(("", *found.runs, "difference"))
        verdicts = []
        for row in group:
            difference = "" if row.difference is None else row.difference.text
            _add(table, (row.title, row.ours.value_text, row.theirs.value_text, difference))
            if row.verdict:
                verdicts.append(f"{row.title}: {row.verdict}")
        _print(console, [cell(title, "bold"), table, *map(_aside, verdicts)])
    for note in found.notes:
        say(f"note: {note}")


def scored(found: Scores) -> None:
    """Print a table of scores, the least likely item first, and the reference."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    beside = ("held-out less likely", "z") if found.reference is not None else ()
    for head in ("", "file", found.unit, *beside):
        justify: Any = "left" if head == "file" else "right"
        table.add_column(cell(head), justify=justify, overflow="fold")
    total = 0 if found.reference is None else len(found.reference.bits)
    for rank, item in enumerate(found.items, start=1):
        cells = (_bits(item.bits, item.error), *_standing(item, total))
        table.add_row(str(rank), cell(item.name), *cells)
    console = results(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE  # Another program needs each name in one line.
    console.print(table)
    say(f"mean: {_bits(found.mean, found.mean_error)} {found.unit}")
    if found.reference is not None:
        spread = found.reference.deviation
        deviation = "" if spread is None else f", standard deviation {spread:.3f}"
        say(f"held out: {found.reference.mean:.3f} on average over {total}{deviation}")
    for entry in found.set_aside:
        say(f"set aside: {entry.name}: {entry.reason}")
    for note in found.notes:
        say(f"note: {note}")


def _result(events: Iterator[Any], as_json: bool) -> Any:
    """Show the progress of a measurement; returns its last event."""
    from sfumato.runs.progress import Progress

    found = None
    with progress(as_json) as show:
        for event in events:
            if isinstance(event, Progress):
                show(event.done, event.total, event.what)
            else:
                found = event
    if found is None:
        raise RuntimeError("measuring ended without a result")
    return found


def _section(section: Section) -> Iterator[RenderableType]:
    table = columns((section.title, "samples", section.beside, "n"))
    for figure in section.figures:
        _add(table, (figure.title, figure.text, figure.real_text, figure.n_text))
    yield table
    for figure in section.figures:
        if figure.flag is not None:
            yield _aside(f"{figure.title.strip()}: {figure.flag}")


def _print(console: Console, parts: Sequence[RenderableType] | Iterator[RenderableType]) -> None:
    for part in parts:
        console.print(part)
    console.print()


def _aside(text: str) -> Text:
    return cell(f"  {text}", "yellow")


def _add(table: Table, cells: Sequence[str]) -> None:
    table.add_row(*map(cell, cells))


def _bits(bits: float, error: float | None) -> str:
    return f"{bits:.3f}" if error is None else f"{bits:.3f} ± {error:.3f}"


def _standing(item: Score, total: int) -> tuple[str, ...]:
    """The cells that compare an item with held-out ones; none without a reference."""
    if item.less_likely is None:
        return ()
    return f"{item.less_likely} of {total}", "" if item.z is None else f"{item.z:+.1f}"
