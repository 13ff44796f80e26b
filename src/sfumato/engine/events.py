"""The events of training, for display and for the log.

Events are information only: the actions of a run between steps are in ``engine.watch``. Durations
are seconds on a monotonic clock, which is not affected by changes of the system clock.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        step: Number of completed optimiser steps.
    """

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """Training is about to begin or to resume.

    Attributes:
        samples: Number of samples so far, over all sessions.
        elapsed: Seconds trained so far, over all sessions.
        parameters: Number of trainable weights.
        device: Device of the weights.
        precision: Number format of the matrix products, with the reason.
        attention: Kind of attention, with the reason.
        compile: Whether the module is compiled, with the reason.
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
    """The progress of training.

    Attributes:
        steps: Length of the run in steps; None if it is limited only in minutes.
        share: Share of the run that is done, in [0, 1].
        samples: Number of samples so far.
        loss: Mean loss, smoothed over about the last 50 steps.
        lr: Learning rate of the last step.
        grad_norm: Global gradient norm of the last step, before clipping.
        samples_per_second: Recent throughput.
        waiting: Share of the recent time, in [0, 1], that steps waited for their batches.
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
    """A number that was measured by an evaluation while training."""

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
    """A warning for the user; training continues."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Event):
    """A step did not change the weights, because its loss or gradient was not finite.

    Attributes:
        places: Places in the step's batch of the samples whose loss is not finite, from 0.
        why: The value that is not finite, and its place.
    """

    places: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Event):
    """The budget is spent and the last checkpoint is on the disk."""

    samples: int
    loss: float
    elapsed: float


# Stored names of events that differ from the names of their classes.
_LOGGED_AS: dict[type[Event], str] = {Previewed: "previewdue"}


def as_json(event: Event) -> dict[str, object]:
    """An event as a JSON object: its kind under ``event``, then its fields."""
    kind = _LOGGED_AS.get(type(event)) or type(event).__name__.lower()
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    # The log travels with its run, so the place of the run on this machine is left out.
    plain = {
        name: Path(*value.parts[-2:]).as_posix() if isinstance(value, Path) else value
        for name, value in fields.items()
    }
    return {"event": kind, **plain}
