"""Keeping the weights that did best on what was held out."""

from __future__ import annotations

import math
from collections.abc import Mapping

from safetensors import SafetensorError, safe_open
from torch import Tensor

from sfumato.engine import tensor_file
from sfumato.engine.events import Kept, Metric
from sfumato.run.directory import RunDirectory


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
    about = {"step": str(measured.step), "name": measured.name, "value": repr(measured.value)}
    tensor_file.write_tensors(directory.best, tensors, about)
    return Kept(step=measured.step, name=measured.name, value=measured.value)


def best_value(directory: RunDirectory) -> float:
    """What the best weights so far measured; infinity if there are none that can be read."""
    about = about_best(directory)
    return math.inf if about is None else float(about["value"])


def about_best(directory: RunDirectory) -> dict[str, str] | None:
    """The ``step``, ``name`` and ``value`` of the best weights; None if there are none."""
    try:
        with safe_open(directory.best, framework="pt") as stream:
            about: dict[str, str] = stream.metadata() or {}
        float(about["value"]), int(about["step"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    return about
