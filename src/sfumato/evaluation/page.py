"""A report as a page to look at, listen to and read."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import sfumato
from sfumato.evaluation.document import document, facts, notes
from sfumato.evaluation.exhibits import Exhibit, Pictures, Plot, Sounds, Texts
from sfumato.evaluation.plot import svg
from sfumato.evaluation.report import Figure, Report, Section
from sfumato.evaluation.summary import summary

_SMALL = 256
_PNG_WIDTH = slice(16, 20)


def page(report: Report, exhibits: Sequence[Exhibit]) -> str:
    """One HTML file with all figures and exhibits inside."""
    parts = [
        f"<h1>{escape(report.run)}</h1>",
        f'<p class="soft">Evaluation of a model of {escape(report.medium)}</p>',
        facts(about(report)),
        f"<h2>in short</h2>\n{notes(summary(report))}",
        "<h2>to bear in mind</h2>" if report.notes else "",
        notes(report.notes),
        *map(_section, report.sections),
        *map(exhibit, exhibits),
    ]
    return document(f"{report.run}: evaluation", "\n".join(parts))


def about(report: Report) -> list[tuple[str, str]]:
    """What a reader has to know of a report before its figures."""
    split = report.split
    step = "" if report.step is None else f", step {report.step:,}"
    return [
        ("weights", f"{report.model} ({report.snapshot}{step})"),
        ("data", f"{split.source} ({split.training:,} trained on)"),
        ("held out", f"{split.held_out:,}" + _elsewhere(split.held_out_source)),
        ("samples", sampling(report.sampling)),
        ("seed", str(report.seed)),
        ("made by", f"sfumato {sfumato.__version__}"),
    ]


def sampling(settings: Mapping[str, Any]) -> str:
    """How samples were made, in one line; what was left open is left out."""
    told = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            told.append(f"{name} {value.get('kind')}")
        elif value is not None:
            told.append(f"{name} {value}")
    return ", ".join(told)


def exhibit(shown: Exhibit) -> str:
    """What is shown beside the figures, as HTML."""
    head = f'<h2>{escape(shown.title)}</h2>\n<p class="about">{escape(shown.about)}</p>\n'
    match shown:
        case Pictures():
            return head + "\n".join(_picture(caption, png) for caption, png in shown.images)
        case Sounds():
            players = "\n".join(_player(caption, data) for caption, data in shown.clips)
            return f'{head}<div class="players">\n{players}\n</div>'
        case Texts():
            return head + "\n".join(
                f'<div class="soft">{escape(caption)}</div>\n<pre>{escape(text)}</pre>'
                for caption, text in shown.texts
            )
        case Plot():
            return f"{head}<figure>{svg(shown)}</figure>"


def _elsewhere(source: str | None) -> str:
    return "" if source is None else f", of {source}"


def _section(section: Section) -> str:
    rows = "\n".join(row for figure in section.figures for row in _rows(figure))
    seen = ""
    if section.extractor is not None:
        seen = f'<p class="about">features: <code>{escape(section.extractor)}</code></p>\n'
    return (
        f'<h2>{escape(section.title)}</h2>\n<p class="about">{escape(section.about)}</p>\n'
        '<div class="wide"><table>\n'
        "<thead><tr><th></th><th>samples</th><th>real</th><th>n</th></tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table></div>\n{seen}"
    )


def _rows(figure: Figure) -> Iterator[str]:
    cells = (figure.title, figure.text, figure.real_text, figure.n_text)
    yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    if figure.flag is not None:
        yield f'<tr class="flag"><td colspan="4">{escape(figure.flag)}</td></tr>'


def _picture(caption: str, png: bytes) -> str:
    # Small pictures are shown large, and their pixels should stay pixels.
    small = int.from_bytes(png[_PNG_WIDTH], "big") <= _SMALL
    kind = ' class="small"' if small else ""
    return (
        f'<figure><img{kind} alt="{escape(caption)}" src="{_data("image/png", png)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _player(caption: str, sound: bytes) -> str:
    kind = "audio/flac" if sound.startswith(b"fLaC") else "audio/wav"
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<audio controls preload="none" src="{_data(kind, sound)}"></audio></figure>'
    )


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
