"""A report, or a comparison of two runs, as a page: one file that fetches and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import sfumato
from sfumato.escaping import escape_html
from sfumato.evaluation.compare import Comparison, Row
from sfumato.evaluation.display import Display, Plot
from sfumato.evaluation.result import Figure, Report, Section, summary

# A page fetches nothing and runs nothing, whatever the names in the data contain.
_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root { color-scheme: light dark; --paper: #fbf9f5; --ink: #2b2722; --soft: #756d62;
  --rule: #e4ded3; --shade: #f3efe7; --warn: #9a4a12;
  --c0: #2f6f8f; --c1: #b4622a; --c2: #5b7f3a; --c3: #7d5aa0; }
@media (prefers-color-scheme: dark) { :root { --paper: #1a1815; --ink: #ece6db; --soft: #a1988a;
  --rule: #38332c; --shade: #24211c; --warn: #e6a15c;
  --c0: #7db8d6; --c1: #e29a63; --c2: #a3c67d; --c3: #c0a0dd; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 3rem 1.25rem 5rem; max-width: 60rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font: 400 2.3rem/1.2 Georgia, "Times New Roman", serif; margin: 0 0 .3rem; }
h2 { font: 400 1.45rem/1.3 Georgia, "Times New Roman", serif; margin: 3rem 0 .4rem;
  padding-top: 1rem; border-top: 1px solid var(--rule); }
p { margin: .3rem 0 .9rem; max-width: 46rem; }
.soft, figcaption, .about { color: var(--soft); }
.about { font-size: .93rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { text-align: right; padding: .3rem .9rem .3rem 0; white-space: nowrap;
  vertical-align: top; }
th { font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 12rem; }
tbody tr + tr td { border-top: 1px solid var(--rule); }
tbody tr.flag td { border-top: 0; padding-top: 0; text-align: left; white-space: normal;
  color: var(--warn); font-size: .87rem; }
td.verdict { text-align: left; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; font-size: .93rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .87em ui-monospace, monospace; overflow-wrap: anywhere; }
ul.notes { padding-left: 1.1rem; max-width: 46rem; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; border-radius: 3px; background: var(--shade); }
figure img.small { image-rendering: pixelated; }
.players { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.players figure { margin: 0; } audio { width: 100%; }
pre { background: var(--shade); padding: .7rem .9rem; border-radius: 3px; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .87rem/1.5 ui-monospace, monospace; margin: .2rem 0 .8rem; }
svg.plot { width: 100%; max-width: 44rem; height: auto; display: block; }
svg.plot .grid { stroke: var(--rule); fill: none; }
svg.plot text { fill: var(--soft); font: 12px system-ui, sans-serif; }
svg.plot .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
svg.plot .band { fill: var(--c); opacity: .16; } svg.plot .dot { fill: var(--c); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0;
  margin: .2rem 0 0; font-size: .9rem; }
ul.legend li::before { content: ""; display: inline-block; width: 1.1em; height: .2em;
  vertical-align: middle; margin-right: .5em; background: var(--c); }
@media print { body { padding: 0; } h2 { break-after: avoid; } tr, figure { break-inside: avoid; } }
"""


def report_page(report: Report, displays: Sequence[Display]) -> str:
    """One HTML file with all figures and displays."""
    parts = [
        f"<h1>{escape_html(report.run)}</h1>",
        f'<p class="soft">Evaluation of a trained model ({escape_html(report.medium)})</p>',
        _facts(report),
        f"<h2>Summary</h2>\n{_notes(summary(report))}",
        "<h2>Notes</h2>" if report.notes else "",
        _notes(report.notes),
        *map(_section, report.sections),
        *(display.html() for display in displays),
    ]
    return _document(f"{report.run}: evaluation", "\n".join(parts))


def comparison_page(comparison: Comparison, plots: Sequence[Plot]) -> str:
    """One HTML file with the figures of two runs side by side, and the plots."""
    first, second = comparison.runs
    parts = [
        f"<h1>{escape_html(first)} <span class='soft'>and</span> {escape_html(second)}</h1>",
        '<p class="soft">The same measures on the same real items</p>',
        *(f"<h2>{escape_html(report.run)}</h2>{_facts(report)}" for report in comparison.reports),
        _notes(comparison.notes),
        *(
            _rows_of_both(title, list(rows), comparison.runs)
            for title, rows in groupby(comparison.rows, key=lambda row: row.section)
        ),
        *(plot.html() for plot in plots),
    ]
    return _document(f"{first} and {second}", "\n".join(parts))


def sampling_text(settings: Mapping[str, Any]) -> str:
    """How samples were made, in one line; settings without a value are left out."""
    parts = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            parts.append(f"{name} {value.get('kind')}")
        elif value is not None:
            parts.append(f"{name} {value}")
    return ", ".join(parts)


def _facts(report: Report) -> str:
    """The introduction that precedes the figures, as HTML."""
    split = report.split
    step = "" if report.step is None else f", step {report.step:,}"
    source = "" if split.held_out_source is None else f", from {split.held_out_source}"
    facts = {
        "weights": f"{report.model} ({report.snapshot}{step})",
        "data": f"{split.source} ({split.training:,} training items)",
        "held-out items": f"{split.held_out:,}{source}",
        "samples": sampling_text(report.sampling),
        "seed": str(report.seed),
        "made by": f"sfumato {sfumato.__version__}",
    }
    rows = (
        f"<dt>{escape_html(name)}</dt><dd>{escape_html(value)}</dd>"
        for name, value in facts.items()
        if value
    )
    return f"<dl>{''.join(rows)}</dl>"


def _notes(texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape_html(text)}</li>" for text in texts)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _section(section: Section) -> str:
    rows = (row for figure in section.figures for row in _rows(figure))
    table = _table(("", "samples", section.beside, "n"), rows)
    features = ""
    if section.extractor is not None:
        extractor = escape_html(section.extractor)
        features = f'<p class="about">features: <code>{extractor}</code></p>\n'
    return (
        f"<h2>{escape_html(section.title)}</h2>\n"
        f'<p class="about">{escape_html(section.about)}</p>\n{table}\n{features}'
    )


def _rows(figure: Figure) -> Iterator[str]:
    yield f"<tr>{_cells(figure.title, figure.text, figure.real_text, figure.n_text)}</tr>"
    if figure.flag is not None:
        yield f'<tr class="flag"><td colspan="4">{escape_html(figure.flag)}</td></tr>'


def _rows_of_both(title: str, rows: Sequence[Row], runs: tuple[str, str]) -> str:
    table = _table(("", *runs, "difference", ""), map(_row_of_both, rows))
    return f"<h2>{escape_html(title)}</h2>\n{table}"


def _row_of_both(row: Row) -> str:
    difference = "" if row.difference is None else row.difference.text
    cells = _cells(row.title, row.ours.text, row.theirs.text, difference)
    return f'<tr>{cells}<td class="verdict">{escape_html(row.verdict)}</td></tr>'


def _table(head: Sequence[str], rows: Iterable[str]) -> str:
    names = "".join(f"<th>{escape_html(name)}</th>" for name in head)
    body = "\n".join(rows)
    return (
        f'<div class="wide"><table>\n<thead><tr>{names}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cells(*texts: str) -> str:
    return "".join(f"<td>{escape_html(text)}</td>" for text in texts)


def _document(title: str, body: str) -> str:
    """A whole HTML page from a plain title and an HTML body."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape_html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
