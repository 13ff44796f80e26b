"""Noticing that a model begins to learn its training items by heart."""

from __future__ import annotations

import math

from torch import Tensor

from sfumato.training.task import Measures

SIGN = "over-fitting:"
"""How advice begins."""

# How many evaluations in a row have to be worse, and by how many standard errors. The least of
# many evaluations lies below the rest by chance, and neighbours err together: where there were
# more evaluations, more have to be worse. On synthetic plateaus of 1,000 evaluations that took
# false alarms from over 60 % to under 3 %.
_IN_A_ROW, _SHARE = 3, 1 / 6
_ERRORS = 3.0


class Overfitting:
    """Watches evaluations in order, and advises once.

    The same items are measured under the same times and noise every time, so what they lost since
    the best evaluation is a paired difference, whose mean has a standard error. Over-fitting has
    begun where that mean is far above 0, three times running and for the last sixth of all
    evaluations, while training items go on getting better.

    Args:
        best: The best evaluation of earlier sessions, if there were any.
        seen: How many evaluations they made.
        said: Whether they gave advice.
    """

    def __init__(self, best: Measures | None = None, seen: int = 0, said: bool = False) -> None:
        self._best = best
        self._seen = seen
        self._said = said
        self._worse = 0

    def __call__(self, measured: Measures) -> str | None:
        """Look at one more evaluation.

        Returns:
            Advice when over-fitting has begun, once; else None.
        """
        best = self._best
        self._seen += 1
        if best is None or measured.held_out.mean() < best.held_out.mean():
            self._best, self._worse = measured, 0
            return None
        learnt = bool(measured.training.mean() < best.training.mean())
        apart = learnt and _far_above_zero(measured.held_out - best.held_out)
        self._worse = self._worse + 1 if apart else 0
        if self._worse < max(_IN_A_ROW, _SHARE * self._seen) or self._said:
            return None
        self._said = True
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
