"""Output of the commands: lines, JSON, tables, and a status line for progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.table import Table
from rich.text import Text

from sfumato.engine.terminal import display, results
from sfumato.escaping import escape_json, escape_line, escape_text

Report = Callable[[int, int, str], None]
"""A function of (done, total, what) that shows progress."""

OUT = results(highlight=False, soft_wrap=True)
ERR = display(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a line on standard output, whatever the names in it contain."""
    OUT.print(Text(escape_line(text)))


def paragraph(text: str) -> None:
    """Print a text with its line breaks on standard output."""
    OUT.print(Text(escape_text(text)))


def passage(text: str) -> None:
    """Print a text that a model made; another program that reads it gets every character."""
    if OUT.is_terminal:
        paragraph(text)
    else:
        OUT.file.write(f"{text}\n")


def dump(value: object) -> None:
    """Print JSON on standard output, in ASCII where the output cannot hold other characters."""
    unicode = OUT.encoding.lower().replace("-", "") == "utf8"
    text = json.dumps(value, indent=1, ensure_ascii=not unicode)
    OUT.file.write(f"{escape_json(text)}\n")


@contextmanager
def progress(quiet: bool) -> Iterator[Report]:
    """Yield a function that shows progress in a status line on a terminal, or does nothing."""
    if quiet or not ERR.is_terminal:
        yield lambda done, total, what: None
        return
    with ERR.status("starting") as status:
        yield lambda done, total, what: status.update(
            Text(f"{escape_line(what)} {done:,}/{total:,}")
        )


def rows(pairs: Iterable[tuple[str, str]]) -> None:
    """Print a table of names and texts; a text can have several lines."""
    table = Table.grid(padding=(0, 2))
    for name, text in pairs:
        table.add_row(Text(escape_line(name), style="bold"), Text(escape_text(text)))
    OUT.print(table)


def facts(values: Mapping[str, Any]) -> None:
    """Print a table of names and values, without empty values."""
    rows(
        (name.replace("_", " "), escape_line(_readable(value)))
        for name, value in values.items()
        if value not in (None, [], "")
    )


def columns(head: Sequence[str]) -> Table:
    """A table with a head: a first column of names, and the others aligned to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for place, name in enumerate(head):
        table.add_column(cell(name), justify="right" if place else "left")
    return table


def cell(text: str, style: str = "") -> Text:
    """A text as one line of a table."""
    return Text(escape_line(text), style=style)


def _readable(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_readable(item)} {name}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_readable(item) for item in value)
    return str(value)
