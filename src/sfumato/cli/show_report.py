"""Reports and comparisons as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sfumato.cli import show

if TYPE_CHECKING:
    from sfumato.evaluation.compare import Comparison
    from sfumato.evaluation.result import Report, Section


def report(found: Report) -> None:
    """One table for each section, its flags beneath it, and what to bear in mind."""
    from sfumato.evaluation.result import summary

    console = Console(highlight=False)
    for section in found.sections:
        _print(console, _section(section))
    for sentence in summary(found):
        show.say(f"- {sentence}")
    for note in found.notes:
        show.say(f"note: {note}")


def comparison(found: Comparison) -> None:
    """One table for each section, with what differs between the runs."""
    console = Console(highlight=False)
    for title, rows in groupby(found.rows, key=lambda row: row.section):
        table = _table(("", *found.runs, "difference"))
        told = []
        for row in rows:
            difference = "" if row.difference is None else row.difference.text
            _row(table, (row.title, row.ours.value_text, row.theirs.value_text, difference))
            if row.verdict:
                told.append(f"{row.title}: {row.verdict}")
        _print(console, [Text(title, style="bold"), table, *map(_aside, told)])
    for note in found.notes:
        show.say(f"note: {note}")


def _section(section: Section) -> Iterator[RenderableType]:
    table = _table((section.title, "samples", "real", "n"))
    for figure in section.figures:
        _row(table, (figure.title, figure.text, figure.real_text, figure.n_text))
    yield table
    for figure in section.figures:
        if figure.flag is not None:
            yield _aside(f"{figure.title.strip()}: {figure.flag}")


def _print(console: Console, parts: Sequence[RenderableType] | Iterator[RenderableType]) -> None:
    for part in parts:
        console.print(part)
    console.print()


def _aside(text: str) -> Text:
    return Text(f"  {text}", style="yellow")


def _table(head: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for place, name in enumerate(head):
        table.add_column(Text(name), justify="right" if place else "left")
    return table


def _row(table: Table, cells: Sequence[str]) -> None:
    table.add_row(*map(Text, cells))
