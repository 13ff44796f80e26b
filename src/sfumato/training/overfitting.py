"""Detecting overfitting while training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from sfumato.engine.log import read_log
from sfumato.engine.machine import choose_device
from sfumato.errors import DamagedFile
from sfumato.media.medium import Data
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
from sfumato.runs.info import LOSS, curves
from sfumato.runs.spec import Spec
from sfumato.training.data import task_for
from sfumato.training.task import Measures

SIGN = "over-fitting:"
"""First words of the advice, by which a later session finds it in the log."""

# The number of consecutive evaluations that have to be worse, and by how many standard errors. The
# least of many evaluations is below the rest by chance, and consecutive errors are correlated, so
# the number grows with that of the evaluations. On synthetic plateaus of 1,000 evaluations this
# reduced false alarms from over 60 % to under 3 %.
_IN_A_ROW, _SHARE = 3, 1 / 6
_ERRORS = 3.0


class Overfitting:
    """Follows the evaluations of a run, and warns once of overfitting.

    The same items are measured under the same times and noise every time, so their change since
    the best evaluation is a paired difference, whose mean has a standard error. Overfitting has
    begun if that mean is far above 0, in three consecutive evaluations and in the last sixth of
    all, while the measure of training items still improves.

    Args:
        best: The best evaluation of earlier sessions, if there were any.
        evaluations: Number of evaluations in earlier sessions.
        advised: Whether an earlier session gave the advice.
    """

    def __init__(
        self, best: Measures | None = None, evaluations: int = 0, advised: bool = False
    ) -> None:
        self._best = best
        self._evaluations = evaluations
        self._advised = advised
        self._worse = 0

    @classmethod
    def resumed(cls, directory: RunDirectory, spec: Spec, data: Data) -> Overfitting:
        """Restore the state from the last session of a run.

        The log holds the number of evaluations and whether advice was given. The best evaluation is
        repeated with the best weights, under the same times and noise. The number of consecutive
        worse evaluations starts at 0 again, so advice may come later but never too early.
        """
        logged = curves(directory)
        steps = {step for name in logged if name != LOSS for step, _ in logged[name]}
        advised = directory.log.is_file() and any(map(_is_advice, read_log(directory.log)))
        best = None if advised else best_measures(directory, spec, data)
        return cls(best, len(steps), advised)

    def __call__(self, measured: Measures) -> str | None:
        """Add an evaluation.

        Returns:
            Advice, once, when overfitting has begun; else None.
        """
        best = self._best
        self._evaluations += 1
        if best is None or measured.held_out.mean() < best.held_out.mean():
            self._best, self._worse = measured, 0
            return None
        learnt = bool(measured.training.mean() < best.training.mean())
        apart = learnt and _far_above_zero(measured.held_out - best.held_out)
        self._worse = self._worse + 1 if apart else 0
        if self._worse < max(_IN_A_ROW, _SHARE * self._evaluations) or self._advised:
            return None
        self._advised = True
        return _advice(measured, best)


def _far_above_zero(differences: Tensor) -> bool:
    count = len(differences)
    if count < 2:
        return False
    error = differences.std().item() / math.sqrt(count)
    return differences.mean().item() > _ERRORS * error


def _advice(measured: Measures, best: Measures) -> str:
    return (
        f"{SIGN} the held-out {measured.unit} has risen from "
        f"{best.held_out.mean().item():.4g} to {measured.held_out.mean().item():.4g} while that of "
        "training items still falls. More training will copy rather than learn: stop here and use "
        "--snapshot best, or train again with more data, more augmentation or dropout."
    )


def _is_advice(line: Mapping[str, Any]) -> bool:
    return line.get("event") == "warned" and str(line.get("message")).startswith(SIGN)


def best_measures(directory: RunDirectory, spec: Spec, data: Data) -> Measures | None:
    """The measures of the best weights; None without readable ones."""
    if not directory.best.is_file():
        return None
    try:
        denoiser, _ = weights.load(directory, weights.build(spec), weights.BEST)
    except DamagedFile:
        return None  # The next evaluation replaces the damaged weights.
    return task_for(data, spec, denoiser.to(choose_device())).measures()
