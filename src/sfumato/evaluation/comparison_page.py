"""A comparison of two runs as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from sfumato.evaluation.comparison import Comparison, Row
from sfumato.evaluation.document import document, facts, notes
from sfumato.evaluation.exhibits import Plot
from sfumato.evaluation.page import about, exhibit


def page(comparison: Comparison, plots: Sequence[Plot]) -> str:
    """One HTML file with all figures side by side, and the plots."""
    first, second = comparison.runs
    parts = [
        f"<h1>{escape(first)} <span class='soft'>and</span> {escape(second)}</h1>",
        '<p class="soft">The same measures on the same real items</p>',
        *(f"<h2>{escape(report.run)}</h2>{facts(about(report))}" for report in comparison.reports),
        notes(comparison.notes),
        *(
            _section(title, list(rows), comparison.runs)
            for title, rows in groupby(comparison.rows, key=lambda row: row.section)
        ),
        *map(exhibit, plots),
    ]
    return document(f"{first} and {second}", "\n".join(parts))


def _section(title: str, rows: Sequence[Row], runs: tuple[str, str]) -> str:
    head = ("", *runs, "difference", "")
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "\n".join(line for row in rows for line in _lines(row))
    return (
        f'<h2>{escape(title)}</h2>\n<div class="wide"><table>\n<thead><tr>{cells}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _lines(row: Row) -> Iterator[str]:
    difference = "" if row.difference is None else row.difference.text
    cells = (row.title, row.ours.text, row.theirs.text, difference)
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    yield f'<tr>{told}<td class="verdict">{escape(row.verdict)}</td></tr>'
