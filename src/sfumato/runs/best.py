"""Keeping the weights that did best on what was held out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from torch import Tensor

from sfumato.engine import tensor_file
from sfumato.engine.events import Kept, Metric
from sfumato.runs.directory import RunDirectory

_ENTRY = "best"


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
