"""``sfumato train`` and ``sfumato resume``: train a run, and show its progress on a console."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from sfumato.engine.progress import choose_display
from sfumato.engine.signals import stop_on_signals
from sfumato.engine.terminal import display
from sfumato.escaping import escape_line
from sfumato.media.medium import Reading, Summary
from sfumato.model.options import ResumeOptions, TrainOptions
from sfumato.runs.directory import ROOT, RunDirectory
from sfumato.training import train as training
from sfumato.training.source import Fetching

_READING_SECONDS = 5.0


def train(
    source: str | Path, options: TrainOptions, root: Path = ROOT, console: Console | None = None
) -> RunDirectory:
    """Train a new run. The first Ctrl-C or SIGTERM saves everything and stops.

    Args:
        source: A folder, a file, or a name in the catalogue.
        options: How to train.
        root: Folder of all runs.
        console: Console for progress; None for standard error.

    Raises:
        Interrupted: Ctrl-C or SIGTERM.
        SfumatoError: See :func:`sfumato.training.train.train`.
    """
    with stop_on_signals() as stop:
        return watch(training.train_with(source, options, root, stop), console)


def resume(
    directory: RunDirectory, options: ResumeOptions, console: Console | None = None
) -> RunDirectory:
    """Resume a run from its newest checkpoint.

    Args:
        directory: The run's directory.
        options: New length of the run.
        console: Console for progress; None for standard error.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; everything is saved first.
        SfumatoError: See :func:`sfumato.training.train.resume`.
    """
    with stop_on_signals() as stop:
        events = training.resume(
            directory, options.steps, options.minutes, stop, options.tensorboard, options.data
        )
        return watch(events, console)


def watch(events: Iterator[Any], console: Console | None = None) -> RunDirectory:
    """Display the events of a training run; returns the run's directory."""
    console = display() if console is None else console
    directory: RunDirectory | None = None
    with choose_display(console) as shown:
        for event in _without_reading(events, console):
            if isinstance(event, RunDirectory):
                directory = event
                console.print(Text(escape_line(f"run {directory.root}")), highlight=False)
            else:
                shown.show(event)
    if directory is None:
        raise RuntimeError("training ended without a run")
    return directory


def _without_reading(events: Iterator[Any], console: Console) -> Iterator[Any]:
    """Print the progress of fetching and reading data, and what was read; pass on all others."""
    printed: float | None = None
    for event in events:
        if isinstance(event, Fetching):
            text = f"data {event.name} (a download of {event.megabytes} MB the first time)"
            console.print(text, highlight=False)
        elif isinstance(event, Reading):
            now = time.monotonic()
            printed = now if printed is None else printed
            if event.done == event.total or now - printed > _READING_SECONDS:
                printed = now
                aside = f", {event.rejected} set aside" if event.rejected else ""
                console.print(f"read {event.done:,} of {event.total:,} {event.unit}{aside}")
        elif isinstance(event, Summary):
            _print_rows(event.rows, console)
        else:
            yield event


def _print_rows(rows: Sequence[tuple[str, str]], console: Console) -> None:
    """Print names and texts in two columns; a text may have several lines."""
    width = 2 + max(len(name) for name, _ in rows)
    for name, text in rows:
        for place, line in enumerate(text.split("\n")):
            head = "" if place else name
            console.print(Text(escape_line(f"{head:<{width}}{line}")), soft_wrap=True)
