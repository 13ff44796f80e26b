"""The events of training: plain facts for display and for the log, yielded one at a time.

Nothing has to be done about an event: what a run does on the way is in ``engine.watch``. Durations
are seconds on a monotonic clock, so a clock set back harms nothing.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        step: Number of optimiser steps that were complete.
    """

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """Training is about to begin or to resume.

    Attributes:
        samples: Samples seen so far, over all sessions.
        elapsed: Seconds trained so far, over all sessions.
        parameters: Number of trainable weights.
        device: Where they live.
        precision: Number format of the products, and why.
        attention: How attention is computed, and why.
        compile: Whether the module is compiled, and why.
        resumed: Whether training resumes from a checkpoint.
    """

    samples: int
    elapsed: float
    parameters: int
    device: str
    precision: str
    attention: str
    compile: str
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """How far training is.

    Attributes:
        steps: Length of the run in steps; None if it is given in minutes alone.
        share: Share of the run that is done, in [0, 1].
        samples: Samples seen.
        loss: Mean loss, smoothed over about the last 50 steps.
        lr: Learning rate of the last step.
        grad_norm: Global gradient norm of the last step, before clipping.
        samples_per_second: Recent throughput.
        waiting: Share of recent time, in [0, 1], in which steps waited for their batches.
        eta_seconds: Expected time to the end.
        elapsed: Seconds trained, over all sessions.
    """

    steps: int | None
    share: float
    samples: int
    loss: float
    lr: float
    grad_norm: float
    samples_per_second: float
    waiting: float
    eta_seconds: float
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Event):
    """A complete checkpoint is on the disk."""

    path: Path
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed(Event):
    """A preview was made with the averaged weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Event):
    """A number that was measured by an evaluation on the way."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Event):
    """The averaged weights measured better than any before and were stored as the best.

    Attributes:
        name: Name of the measure.
        value: Its value; smaller is better.
    """

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something a person should know, though training goes on."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Event):
    """A step left the weights as they were, as its loss or gradient was not finite.

    Attributes:
        places: Places in the step's batch of the samples whose loss is not finite, from 0.
        why: The value that was found, and where.
    """

    places: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Event):
    """The budget is spent and the last checkpoint is on the disk."""

    samples: int
    loss: float
    elapsed: float


# Names of events in the log where they differ from those of their classes: logs outlive code.
_LOGGED_AS: dict[type[Event], str] = {Previewed: "previewdue"}


def as_json(event: Event) -> dict[str, object]:
    """An event as a JSON object: its kind under ``event``, then its fields."""
    kind = _LOGGED_AS.get(type(event)) or type(event).__name__.lower()
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    plain = {name: str(v) if isinstance(v, Path) else v for name, v in fields.items()}
    return {"event": kind, **plain}
