"""The course of a training, as plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sfumato.evaluation.exhibits import Line, Plot
from sfumato.runs.curves import Curve, curves
from sfumato.runs.directory import RunDirectory

# What is drawn in one frame, by the names under which it is logged.
_TOGETHER = (
    ("loss", ("held-out loss", "training loss")),
    ("bits per character", ("held-out bits per character", "training bits per character")),
)
# So many points are enough to look at.
_MOST = 300
_ABOUT = (
    "measured along the way with the averaged weights, on as many held-out as training items under "
    "the same noise: over-fitting has begun where they part"
)


def curve_plots(directory: RunDirectory) -> tuple[Plot, ...]:
    """How the held-out measure went while the run was trained; none if it was never taken."""
    return tuple(_plots(curves(directory)))


def _plots(found: Mapping[str, Curve]) -> Iterator[Plot]:
    for unit, names in _TOGETHER:
        lines = tuple(_line(name, _thinned(found[name])) for name in names if found.get(name))
        if lines:
            yield Plot("the course of training", _ABOUT, "optimiser steps", unit, lines)


def _line(name: str, points: Sequence[tuple[int, float]]) -> Line:
    return Line(name, tuple(float(step) for step, _ in points), tuple(y for _, y in points))


def _thinned(points: Curve) -> Curve:
    """At most so many, evenly spaced, the last one among them."""
    if len(points) <= _MOST:
        return points
    places = (number * (len(points) - 1) // (_MOST - 1) for number in range(_MOST))
    return tuple(points[place] for place in places)
