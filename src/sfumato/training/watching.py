"""What earlier sessions of a run saw of over-fitting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfumato.engine.log import read_log
from sfumato.engine.machine import choose_device
from sfumato.errors import DamagedFile
from sfumato.media.medium import Data
from sfumato.runs import weights as model
from sfumato.runs.curves import LOSS, curves
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.training.data import task_for
from sfumato.training.overfitting import SIGN, Overfitting
from sfumato.training.task import Measures


def watched_so_far(directory: RunDirectory, spec: Spec, data: Data) -> Overfitting:
    """A watch that goes on where the last session left it.

    The log tells how many evaluations there were and whether advice was given. The best of them is
    made again from the best weights: its items are measured under the same times and noise. How
    many were worse in a row is begun anew, so that advice may come later and never too early.
    """
    logged = curves(directory)
    steps = {step for name in logged if name != LOSS for step, _ in logged[name]}
    said = directory.log.is_file() and any(map(_is_advice, read_log(directory.log)))
    best = None if said else best_measures(directory, spec, data)
    return Overfitting(best, len(steps), said)


def _is_advice(line: Mapping[str, Any]) -> bool:
    return line.get("event") == "warned" and str(line.get("message")).startswith(SIGN)


def best_measures(directory: RunDirectory, spec: Spec, data: Data) -> Measures | None:
    """What the best weights measure; None if there are none that can be read."""
    if not directory.best.is_file():
        return None
    try:
        denoiser, _ = model.load(directory, model.build(spec), model.BEST)
    except DamagedFile:
        return None  # The next evaluation replaces them.
    return task_for(data, spec, denoiser.to(choose_device())).measures()
