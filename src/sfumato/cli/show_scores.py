"""Scores of files as a table on the terminal, the least likely first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sfumato.cli import show, show_evaluation

if TYPE_CHECKING:
    from sfumato.evaluation.score import Score, Scores
    from sfumato.runs.measuring import Measuring

_WIDE = 10_000


def scores(events: Iterator[Measuring | Scores], as_json: bool) -> None:
    """Scores as they are made, and what they are."""
    found: Any = show_evaluation.watched(events, as_json)
    if as_json:
        show.dump(found.to_json())
    else:
        _table(found)


def _table(found: Scores) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    compared = found.reference is not None
    heads = ("", "file", found.unit, *(("held-out less likely", "z") if compared else ()))
    for head in heads:
        justify: Any = "left" if head == "file" else "right"
        table.add_column(Text(head), justify=justify, overflow="fold")
    total = 0 if found.reference is None else len(found.reference.bits)
    for rank, item in enumerate(found.items, start=1):
        table.add_row(
            str(rank), Text(item.name), _bits(item.bits, item.error), *_beside(item, total)
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE  # A name in two lines is none to another program.
    console.print(table)
    show.say(f"mean: {_bits(found.mean, found.mean_error)} {found.unit}")
    if found.reference is not None:
        spread = found.reference.deviation
        apart = "" if spread is None else f", standard deviation {spread:.3f}"
        show.say(f"held out: {found.reference.mean:.3f} on average over {total}{apart}")
    for entry in found.set_aside:
        show.say(f"set aside: {entry.name}: {entry.reason}")
    for note in found.notes:
        show.say(f"note: {note}")


def _bits(bits: float, error: float | None) -> str:
    return f"{bits:.3f}" if error is None else f"{bits:.3f} ± {error:.3f}"


def _beside(item: Score, total: int) -> tuple[str, ...]:
    """How an item stands among held-out ones; nothing where there are none."""
    if item.less_likely is None:
        return ()
    return f"{item.less_likely} of {total}", "" if item.z is None else f"{item.z:+.1f}"
