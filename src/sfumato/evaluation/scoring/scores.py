"""What scoring found: items from the least likely to the likeliest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.evaluation.scoring.scorer import SetAside

Estimates = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reference:
    """Items that the model never saw, of the kind it learnt from.

    Attributes:
        bits: Of each, shape (m,), m at least 1.
    """

    bits: Estimates

    @property
    def mean(self) -> float:
        """Of their bits."""
        return float(self.bits.mean())

    @property
    def deviation(self) -> float | None:
        """Of their bits; None of a single one."""
        return float(self.bits.std(ddof=1)) if len(self.bits) > 1 else None


@dataclass(frozen=True)
class Score:
    """How likely the model finds an item.

    Attributes:
        name: Of the item.
        bits: Per dimension or character: the more, the less likely.
        error: Standard error over the draws; None of a single one. All items are given the same
            noise, so differences between them are surer than this says.
        less_likely: How many held-out items need as many bits or more; None without any.
        z: By how many standard deviations of held-out items it needs more than their mean; None
            where there are not two that differ.
    """

    name: str
    bits: float
    error: float | None
    less_likely: int | None
    z: float | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name,
            "bits": self.bits,
            "standard_error": self.error,
            "held_out_less_likely": self.less_likely,
            "z": self.z,
        }


@dataclass(frozen=True)
class Scores:
    """Scores of files.

    Attributes:
        unit: Of all bits.
        items: The least likely first.
        mean: Of their bits.
        mean_error: Standard error of the mean, for the choice of items and for the noise that they
            share; None where a single draw leaves it unknown.
        reference: Held-out items, scored alike; None if there are none to compare with.
        set_aside: What could not be read, and why.
        notes: What to bear in mind.
        asked: What was asked, for the record.
    """

    unit: str
    items: tuple[Score, ...]
    mean: float
    mean_error: float | None
    reference: Reference | None
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]
    asked: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        held_out = None
        if self.reference is not None:
            held_out = {
                "count": len(self.reference.bits),
                "mean": self.reference.mean,
                "deviation": self.reference.deviation,
            }
        return {
            **self.asked,
            "unit": self.unit,
            "items": [
                {"rank": rank, **item.to_json()} for rank, item in enumerate(self.items, start=1)
            ],
            "mean": {"bits": self.mean, "standard_error": self.mean_error},
            "held_out": held_out,
            "set_aside": [entry._asdict() for entry in self.set_aside],
            "notes": list(self.notes),
        }


def ranked(estimates: Mapping[str, Estimates], reference: Reference | None) -> tuple[Score, ...]:
    """Scores of items by their names, the least likely first.

    Args:
        estimates: Of each item, shape (draws,).
        reference: What to hold them against.
    """
    scores = [_score(name, draws, reference) for name, draws in estimates.items()]
    return tuple(sorted(scores, key=lambda score: (-score.bits, score.name)))


def mean_of(estimates: Sequence[Estimates]) -> tuple[float, float | None]:
    """The mean over items, and its standard error.

    Items are independent but their noise is not, so what each draw does to the mean of all is
    added to what the choice of items does.

    Args:
        estimates: Of each item, one at least, shape (draws,).
    """
    values = np.stack(estimates)
    items, draws = values.shape
    mean = float(values.mean())
    if draws < 2:
        return mean, None
    variance = values.mean(0).var(ddof=1) / draws
    if items > 1:
        variance += values.mean(1).var(ddof=1) / items
    return mean, math.sqrt(variance)


def _score(name: str, draws: Estimates, reference: Reference | None) -> Score:
    bits = float(draws.mean())
    error = float(draws.std(ddof=1)) / math.sqrt(len(draws)) if len(draws) > 1 else None
    if reference is None:
        return Score(name, bits, error, None, None)
    spread = reference.deviation
    return Score(
        name,
        bits,
        error,
        less_likely=int((reference.bits >= bits).sum()),
        z=(bits - reference.mean) / spread if spread else None,
    )
