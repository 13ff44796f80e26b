"""Noticing that a model begins to learn its training items by heart."""

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

# How many evaluations in a row have to be worse, and by how many standard errors. The least of
# many evaluations lies below the rest by chance, and neighbours err together: where there were
# more evaluations, more have to be worse. On synthetic plateaus of 1,000 evaluations that took
# false alarms from over 60 % to under 3 %.
_IN_A_ROW, _SHARE = 3, 1 / 6
_ERRORS = 3.0


class Overfitting:
    """Follows the evaluations of a run, and gives advice once.

    The same items are measured under the same times and noise every time, so their change since
    the best evaluation is a paired difference, whose mean has a standard error. Over-fitting has
    begun where that mean is far above 0, three times running and for the last sixth of all
    evaluations, while training items still get better.

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
        """Continue where the last session of a run left off; a new run starts from nothing.

        The log holds the number of evaluations and whether advice was given. The best of them is
        measured again with the best weights: its items are under the same times and noise. The
        number of worse evaluations in a row starts at 0 again, so that advice may come later and
        never too early.
        """
        logged = curves(directory)
        steps = {step for name in logged if name != LOSS for step, _ in logged[name]}
        advised = directory.log.is_file() and any(map(_is_advice, read_log(directory.log)))
        best = None if advised else best_measures(directory, spec, data)
        return cls(best, len(steps), advised)

    def __call__(self, measured: Measures) -> str | None:
        """Take in one more evaluation.

        Returns:
            Advice when over-fitting has begun, once; else None.
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
    """The measures of the best weights; None if there are none that can be read."""
    if not directory.best.is_file():
        return None
    try:
        denoiser, _ = weights.load(directory, weights.build(spec), weights.BEST)
    except DamagedFile:
        return None  # The next evaluation replaces them.
    return task_for(data, spec, denoiser.to(choose_device())).measures()
