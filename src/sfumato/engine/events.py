"""What training says while it works: plain facts, yielded one at a time.

Whoever consumes them draws a progress bar, renders a preview or writes a log; the loop knows
none of that. Durations are seconds on a monotonic clock, so a clock set back harms nothing.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        step: How many optimiser steps were complete when it was said.
    """

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """Training is about to begin or to go on.

    Attributes:
        samples: Samples seen so far, over all sessions.
        elapsed: Seconds trained so far, over all sessions.
        parameters: Number of trainable weights.
        device: Where they live.
        precision: Number format of the products, and why.
        attention: How attention is computed, and why.
        compile: Whether the module is compiled, and why.
        resumed: Whether it goes on from a checkpoint.
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
        steps: Steps asked for, when the run is measured in steps.
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
class PreviewDue(Event):
    """It is time to show a preview. The consumer makes it before asking for the next event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationDue(Event):
    """It is time to measure the averaged weights, before the next event is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubled(Event):
    """The step is a power of two; said before anything else of it is, and before it is saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Event):
    """A measured number, said by a consumer that evaluates along the way."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Event):
    """The averaged weights measured better than any before and were kept as the best.

    Attributes:
        name: Of the measure.
        value: What it was; the smaller the better.
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
        places: Of the samples in the step's batch whose loss is not finite, from 0.
        why: What was found.
    """

    places: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Event):
    """The budget is spent and the last checkpoint is on the disk."""

    samples: int
    loss: float
    elapsed: float


def as_json(event: Event) -> dict[str, object]:
    """An event as a JSON object: its kind under ``event``, then its fields."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    plain = {name: str(v) if isinstance(v, Path) else v for name, v in fields.items()}
    return {"event": type(event).__name__.lower(), **plain}
