"""Snapshots of the averaged weights: those that measured best, and those of early steps.

The best weights are those with the smallest measure on what was held out.

Early weights are kept for guidance away from them. The averaged weights are kept at every step that
is a power of two: which ones is a function of the step alone, so a resumed run keeps what an
unbroken one does. Those from before a sixteenth of the steps are dropped, counted from the best
weights where these are older than the newest. So there are about five, and one of them is within a
factor of 1.5 of an eighth of the training, near to what autoguidance wants (Karras et al. 2024,
arXiv:2406.02507, table 1).
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
    """What the best weights are.

    Attributes:
        step: Optimiser steps behind them.
        name: Of the measure.
        value: What it was.
    """

    step: int
    name: str
    value: float


def keep_if_best(
    directory: RunDirectory, measured: Metric, tensors: Mapping[str, Tensor]
) -> Kept | None:
    """Write the averaged weights over the best so far, if they measured better.

    What was best is read from the file, so a resumed run goes on where it was, and writing is
    atomic, so a killed one has the old file or the new.

    Args:
        directory: Of the run; its lock is held.
        measured: On what was held out; the smaller the better.
        tensors: The averaged weights.
    """
    if not measured.value < best_value(directory):
        return None
    best = Best(measured.step, measured.name, measured.value)
    tensor_file.write_sealed(directory.best, tensors, {_ENTRY: json.dumps(asdict(best))})
    return Kept(step=best.step, name=best.name, value=best.value)


def best_value(directory: RunDirectory) -> float:
    """What the best weights so far measured; infinity if there are none that can be read."""
    best = best_of(directory)
    return math.inf if best is None else best.value


def best_of(directory: RunDirectory) -> Best | None:
    """What is known of the best weights; None if there are none that can be read."""
    return best_in(tensor_file.read_facts(directory.best))


def best_in(facts: Mapping[str, str]) -> Best | None:
    """What the file of best weights tells of them; None if it does not."""
    try:
        told = json.loads(facts[_ENTRY])
        return Best(int(told["step"]), str(told["name"]), float(told["value"]))
    except (KeyError, TypeError, ValueError):
        return None


def keep_early(directory: RunDirectory, tensors: Mapping[str, Tensor], step: int) -> None:
    """Keep the averaged weights of a step, and drop those that are too old to be of use.

    A step that was kept already is replaced: a run that was killed goes over its last steps anew.

    Args:
        directory: Of the run; its lock is held.
        tensors: The averaged weights.
        step: Of the optimiser.
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
    """The weights nearest to an eighth of the steps, of at most half of them.

    Raises:
        RunError: None were kept.
    """
    kept = _saved(directory)
    at_most = math.inf if step is None else step / 2
    usable = [old for old in kept if old <= at_most]
    if not usable:
        raise RunError(
            f"The run '{directory.name}' has no early weights to be guided away from.",
            why="they are kept while training, and this one is too short or of an older version",
            hint="train on, or take another --guidance",
        )
    wanted = math.log(max(usable) if step is None else step * _SHARE)
    return kept[min(usable, key=lambda old: abs(math.log(old) - wanted))]


def _saved(directory: RunDirectory) -> dict[int, Path]:
    """The files by their steps."""
    found = directory.early.glob("step-*.safetensors") if directory.early.is_dir() else ()
    named = {path.name.removeprefix("step-").removesuffix(".safetensors"): path for path in found}
    return {int(name): path for name, path in sorted(named.items()) if name.isdecimal()}
