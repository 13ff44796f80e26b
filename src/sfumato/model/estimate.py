"""A figure, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.metrics.interval import mean_interval


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval over items.

    Attributes:
        mean: The figure.
        low: The interval's bounds; None where a single item leaves them unknown.
        high: See ``low``.
    """

    mean: float
    low: float | None
    high: float | None


def estimated(values: NDArray[np.float64]) -> Estimate:
    """The mean of independent values, one at least, shape (n,)."""
    if len(values) < 2:
        return Estimate(float(values.mean()), None, None)
    return Estimate(*mean_interval(values.tolist()))
