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
    from sfumato.run.text.filling import Filled
    from sfumato.run.text.sampled import TextState, WrittenTexts

_MOST_LINES = 16
_WIDEST = 100


def watched(events: Iterator[Any], quiet: bool) -> WrittenTexts:
    """Drain the events of sampling; on a terminal the texts are shown as they resolve."""
    from sfumato.run.text.sampled import TextState, WrittenTexts

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
        rest = one.text
        for gap in one.gaps:
            # Gaps come in order; each is looked for behind the one before.
            before, found, rest = rest.partition(gap) if gap else (rest, "", "")
            shown.append(before, style="none").append(found, style="bold green")
        given.print(shown.append(rest, style="none"), soft_wrap=True)


def _likelihood(bits: float) -> str:
    return f"{bits:5.2f} bits/token" if math.isfinite(bits) else "  inf bits/token"


def _picture(event: TextState, height: int) -> Group:
    from sfumato.run.text.sampling import MASKED

    room = max(3, min(_MOST_LINES, height - 4))
    lines = event.texts[0].splitlines()[:room]
    shown = Text()
    for character in "\n".join(lines):
        shown.append(character, style="bright_black" if character == MASKED else "bold")
    title = f"text {event.done + 1:,} of {event.total:,}, step {event.step} of {event.steps}"
    return Group(Panel(shown, title=title, title_align="left"))
