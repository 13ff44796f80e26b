"""Snapshots of the averaged weights: the best ones, and those of early steps.

The best weights are those with the smallest measure on held-out data.

Early weights are stored for autoguidance. They are stored at every step that is a power of two, so
a resumed run stores the same ones as an uninterrupted run. Those of the first sixteenth of the
steps are deleted, where the steps are counted up to the best weights if these are older than the
newest. About five remain, and one of them is within a factor of 1.5 of an eighth of the training,
near to what autoguidance needs (Karras et al. 2024, arXiv:2406.02507, table 1).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from sfumato.engine import tensor_file
from sfumato.engine.events import Kept, Metric
from sfumato.errors import RunError
from sfumato.runs.directory import RunDirectory

_ENTRY = "best"
_SHARE = 1 / 8
_DROPPED = 1 / 16


@dataclass(frozen=True)
class Best:
    """The identity of the best weights.

    Attributes:
        step: Number of optimiser steps behind them.
        name: Name of the measure.
        value: Value of the measure.
    """

    step: int
    name: str
    value: float


def keep_if_best(
    directory: RunDirectory, measured: Metric, tensors: Mapping[str, Tensor]
) -> Kept | None:
    """Replace the best weights if the averaged weights measured better.

    The best measure so far is read from the file, so that it survives a resume.

    Args:
        directory: The run's directory, whose lock is held.
        measured: The measure on held-out data; smaller is better.
        tensors: The averaged weights.
    """
    if not measured.value < best_value(directory):
        return None
    best = Best(measured.step, measured.name, measured.value)
    tensor_file.write_sealed(directory.best, tensors, {_ENTRY: json.dumps(asdict(best))})
    return Kept(step=best.step, name=best.name, value=best.value)


def best_value(directory: RunDirectory) -> float:
    """The measure of the best weights so far; infinity without readable ones."""
    best = best_of(directory)
    return math.inf if best is None else best.value


def best_of(directory: RunDirectory) -> Best | None:
    """The identity of the best weights; None without readable ones."""
    return best_in(tensor_file.read_facts(directory.best))


def best_in(facts: Mapping[str, str]) -> Best | None:
    """The identity of the best weights from the facts of their file; None without one."""
    try:
        entry = json.loads(facts[_ENTRY])
        return Best(int(entry["step"]), str(entry["name"]), float(entry["value"]))
    except (KeyError, TypeError, ValueError):
        return None


def keep_early(directory: RunDirectory, tensors: Mapping[str, Tensor], step: int) -> None:
    """Store the averaged weights of a step, and delete those that are too old to be useful.

    The file of the same step is replaced, because a killed run repeats its last steps.

    Args:
        directory: The run's directory, whose lock is held.
        tensors: The averaged weights.
        step: Number of optimiser steps.
    """
    directory.early.mkdir(exist_ok=True)
    path = directory.early / f"step-{step}.safetensors"
    tensor_file.write_sealed(path, tensors, {"step": str(step)})
    best = best_of(directory)
    oldest = min(step, step if best is None else best.step) * _DROPPED
    for old, file in _saved(directory).items():
        if old < oldest:
            file.unlink(missing_ok=True)


def early_for(directory: RunDirectory, step: int | None) -> Path:
    """The file of weights nearest to an eighth of the steps, among those of at most half.

    Raises:
        RunError: No such weights were stored.
    """
    saved = _saved(directory)
    at_most = math.inf if step is None else step / 2
    usable = [old for old in saved if old <= at_most]
    if not usable:
        raise RunError(
            f"The run '{directory.name}' has no early weights to be guided away from.",
            why="they are stored while training, and this run is too short or of an older version",
            hint="resume the run, or use another --guidance",
        )
    wanted = math.log(max(usable) if step is None else step * _SHARE)
    return saved[min(usable, key=lambda old: abs(math.log(old) - wanted))]


def _saved(directory: RunDirectory) -> dict[int, Path]:
    """The files by their steps."""
    found = directory.early.glob("step-*.safetensors") if directory.early.is_dir() else ()
    named = {path.name.removeprefix("step-").removesuffix(".safetensors"): path for path in found}
    return {int(name): path for name, path in sorted(named.items()) if name.isdecimal()}
