"""The numbers that a run logged, as curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfumato.engine.log import read_log
from sfumato.runs.directory import RunDirectory

Curve = tuple[tuple[int, float], ...]

LOSS = "training loss as it goes"
"""The smoothed loss of the training batches; all other curves are of evaluations."""


def curves(directory: RunDirectory) -> dict[str, Curve]:
    """All measures by their names, and :data:`LOSS`.

    Steps that were lost in a crash are left out: they lie after the step from which the next
    session resumed.

    Returns:
        Points ``(step, value)`` in order; empty without a log.
    """
    found: dict[str, dict[int, float]] = {}
    if directory.log.is_file():
        for line in read_log(directory.log):
            if line.get("event") == "started":
                _forget(found, int(line["step"]))
            else:
                _note(found, line)
    return {name: tuple(sorted(points.items())) for name, points in found.items()}


def _note(found: dict[str, dict[int, float]], line: Mapping[str, Any]) -> None:
    name, key = {"metric": (line.get("name"), "value"), "progress": (LOSS, "loss")}.get(
        str(line.get("event")), (None, "")
    )
    value = line.get(key)
    if isinstance(name, str) and isinstance(value, int | float):
        found.setdefault(name, {})[int(line["step"])] = float(value)


def _forget(found: Mapping[str, dict[int, float]], after: int) -> None:
    for points in found.values():
        for step in [step for step in points if step > after]:
            del points[step]
