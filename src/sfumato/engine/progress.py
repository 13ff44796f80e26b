"""Displaying events: a live bar on a terminal, plain lines in a file or a pipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sfumato.engine.events import Done, Event, Metric, Progress, Saved, Started, Warned
from sfumato.escaping import escape_line

LINE_SECONDS = 10.0
LINE_SHARE = 1 / 20
_NOTABLE = 0.02


class Display(Protocol):
    """A display of events; used as a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, event: Event) -> None:
        """Show one event."""


def choose_display(console: Console) -> Display:
    """A live bar if the console is a terminal, else plain lines."""
    return Bar(console) if console.is_terminal else Lines(console)


class Lines:
    """Plain lines: progress every ten seconds or twentieth of the run, other events immediately.

    Args:
        console: The console to print to.
        clock: A monotonic clock in seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._printed_at = -math.inf
        self._printed_share = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, event: Event) -> None:
        """Print one event, unless it is a progress too soon after the last one."""
        text = describe_progress(event) if isinstance(event, Progress) else describe(event)
        if text and not (isinstance(event, Progress) and self._too_soon(event)):
            self._console.print(Text(escape_line(text)), highlight=False, soft_wrap=True)

    def _too_soon(self, event: Progress) -> bool:
        now = self._clock()
        recent = now - self._printed_at < LINE_SECONDS
        if recent and event.share - self._printed_share < LINE_SHARE and event.share < 1.0:
            return True
        self._printed_at, self._printed_share = now, event.share
        return False


class Bar:
    """A bar that is redrawn in place, with everything else printed above it.

    Args:
        console: A terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, event: Event) -> None:
        """Redraw the bar or print a line above it."""
        if isinstance(event, Progress):
            self._live.update(_bar(event))
        elif text := describe(event):
            style = "yellow" if isinstance(event, Warned) else "dim"
            self._console.print(Text(escape_line(text), style=style), soft_wrap=True)


def describe(event: Event) -> str:
    """One line for an event other than progress; empty for events that are not shown."""
    match event:
        case Started():
            verb = f"resuming at step {event.step}" if event.resumed else "training"
            return (
                f"{verb}: {event.parameters:,} weights on {event.device}, "
                f"precision {event.precision}, compile {event.compile}"
            )
        case Saved():
            return f"saved {event.path.name} in {event.seconds:.1f} s"
        case Metric():
            return f"{event.name} {event.value:.4g} at step {event.step}"
        case Warned():
            return f"warning: {event.message}"
        case Done():
            return (
                f"done: {event.step:,} steps, {event.samples:,} samples in "
                f"{duration(event.elapsed)}, loss {event.loss:.4g}"
            )
        case _:
            return ""


def describe_progress(event: Progress) -> str:
    """One line for a progress event."""
    steps = f"{event.step:,}/{event.steps:,}" if event.steps else f"{event.step:,}"
    return f"{event.share:4.0%}  step {steps}  {_numbers(event)}"


def duration(seconds: float) -> str:
    """Seconds as ``1:02:03`` or ``2:03``; a question mark if unknown."""
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _numbers(event: Progress) -> str:
    return (
        f"loss {event.loss:.4f}  lr {event.lr:.2e}  {event.samples_per_second:,.0f} samples/s  "
        f"{_waiting(event.waiting)}"
        f"{duration(event.elapsed)} elapsed, {duration(event.eta_seconds)} left"
    )


def _waiting(share: float) -> str:
    """The share of time spent waiting for data, if it is notable."""
    return f"waiting {share:.0%} for data  " if share >= _NOTABLE else ""


def _bar(event: Progress) -> Table:
    row = Table.grid(padding=(0, 1))
    steps = f"step {event.step:,}" + (f"/{event.steps:,}" if event.steps else "")
    bar = ProgressBar(total=1.0, completed=event.share, width=24)
    row.add_row(f"{event.share:4.0%}", bar, steps, _numbers(event))
    return row
