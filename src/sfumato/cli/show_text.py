"""Rendering of text: texts that resolve before the reader's eyes, and filled gaps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

if TYPE_CHECKING:
    from sfumato.media.text.check import TextReport
    from sfumato.media.text.files import Problem
    from sfumato.model.text_writing import TextState, WrittenTexts
    from sfumato.verbs.filling import Filled

_MOST_LINES = 16
_WIDEST = 100
_MOST_LABELS = 20
_MOST_SHOWN = 10


def watched(events: Iterator[Any], quiet: bool) -> WrittenTexts:
    """Drain the events of sampling; on a terminal the texts are shown as they resolve."""
    from sfumato.model.text_writing import TextState, WrittenTexts

    console = Console(stderr=True, highlight=False, soft_wrap=False)
    written: WrittenTexts | None = None
    live = Live(console=console, refresh_per_second=20, transient=True)
    watching = not quiet and console.is_terminal
    if watching:
        live.start()
    try:
        for event in events:
            if isinstance(event, WrittenTexts):
                written = event
            elif watching and isinstance(event, TextState):
                live.update(_picture(event, console.height))
    finally:
        if watching:
            live.stop()
    if written is None:
        raise RuntimeError("sampling ended without files")
    return written


def texts(written: WrittenTexts) -> list[str]:
    """Lines about finished texts: the texts themselves, then where they are."""
    lines: list[str] = []
    for number, text in enumerate(written.texts):
        if "\n" in text or len(text) > _WIDEST:
            lines += [f"--- {number} ---", text, ""]
        else:
            lines.append(text)
    noun = "text" if len(written.texts) == 1 else "texts"
    lines.append(f"{len(written.texts)} {noun} in {written.file}, {written.seconds:.1f} s")
    if written.trajectory is not None:
        lines.append(f"from noise: {written.trajectory}")
    return lines


def filled(results: Sequence[Filled], given: Console) -> None:
    """Filled texts with what was filled in standing out, the likeliest first."""
    for one in results:
        shown = Text(f"{_likelihood(one.bits)}  ", style="dim")
        place = 0
        for begin, end in one.spans:
            shown.append(one.text[place:begin], style="none")
            shown.append(one.text[begin:end], style="bold green")
            place = end
        given.print(shown.append(one.text[place:], style="none"), soft_wrap=True)


def _likelihood(bits: float) -> str:
    return f"{bits:5.2f} bits/token" if math.isfinite(bits) else "  inf bits/token"


def _picture(event: TextState, height: int) -> Group:
    from sfumato.model.gaps import MASKED

    room = max(3, min(_MOST_LINES, height - 4))
    lines = event.texts[0].splitlines()[:room]
    shown = Text()
    for character in "\n".join(lines):
        shown.append(character, style="bright_black" if character == MASKED else "bold")
    title = f"text {event.done + 1:,} of {event.total:,}, step {event.step} of {event.steps}"
    return Group(Panel(shown, title=title, title_align="left"))


def report_rows(report: TextReport) -> Iterator[tuple[str, str]]:
    """What a run would see in some texts, row by row."""
    settings, survey = report.settings, report.survey
    yield "source", str(report.source)
    yield "texts", f"{report.documents:,}, of them held out {report.held_out:,}"
    yield "characters", f"{survey.characters:,}, {survey.distinct:,} different"
    yield "rarest", ", ".join(f"{character!r} {count:,}" for character, count in survey.rarest)
    yield "lengths", f"{survey.least:,} to {survey.most:,}, median {survey.median:,}"
    yield "longest line", f"{survey.longest_line:,} characters ({survey.longest_line_at})"
    unknown = f", {report.unknown:,} of them unknown" if report.unknown else ""
    yield (
        "tokens",
        f"{report.tokens:,} {settings.tokens}{unknown}; vocabulary {report.vocabulary:,}",
    )
    yield "rows", f"{report.rows:,} of {settings.context} tokens to train on"
    shown = list(report.labels.items())[:_MOST_LABELS]
    more = len(report.labels) - len(shown)
    yield (
        "classes",
        (", ".join(f"{name} {count:,}" for name, count in shown) or "none")
        + (f", and {more} more" if more > 0 else ""),
    )
    same = [f"{later} = {first}" for later, first in report.duplicates[:_MOST_SHOWN]]
    yield "duplicates", _listed(report.duplicate_count, same)
    problems = [_place(problem) for problem in report.problems[:_MOST_SHOWN]]
    yield "set aside or mended", _listed(report.problem_count, problems)
    if report.changes:
        yield "since last read", str(report.changes)
    beginnings = [f"{name}: {text!r}" for name, text in survey.beginnings]
    yield "beginnings", "\n".join(beginnings)


def _listed(count: int, lines: Sequence[str]) -> str:
    more = count - len(lines)
    rest = [f"... and {more:,} more"] if more > 0 else []
    return "\n".join([f"{count:,}", *lines, *rest])


def _place(problem: Problem) -> str:
    where = problem.path if problem.line is None else f"{problem.path}:{problem.line}"
    return f"{where}: {problem.reason}"
