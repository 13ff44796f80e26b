"""What came of restoring the items of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.evaluation.restoration.trial import Trial
from sfumato.metrics.calibration import ranks
from sfumato.model.provenance import Fit
from sfumato.process.rng import Stream, normal, uniform
from sfumato.restoration import Operator

FUNCTIONALS = VALUES = 64
"""Numbers of random linear functionals, and of single values, that are ranked in each item."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """One held-out item, its observation and its restorations.

    Attributes:
        place: Its place among the held-out items.
        item: The item as the medium reads it, shape (1, ...).
        filled: The share of its extent that it fills.
        truth: The item as encoded data, shape (1, C, *sides).
        samples: K restorations in the same encoding, shape (K, C, *sides).
        operator: What is observed.
        values: The observation, shape (1, *out).
        fits: How well each restoration explains the observation.
        misfit: The mean square residual of the truth, over the variance of the noise.
        seconds: Time of one restoration.
    """

    place: int
    item: NDArray[Any]
    filled: float
    truth: Tensor
    samples: Tensor
    operator: Operator
    values: Tensor
    fits: tuple[Fit, ...]
    misfit: float
    seconds: float

    @property
    def mean(self) -> Tensor:
        """The mean of the restorations, shape (1, C, *sides)."""
        return self.samples.mean(0, keepdim=True)

    def ranked(self, unknown: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Ranks of the truth and the samples in random numbers of the unknown part.

        Equal values, which are common among 8-bit pixels, are ordered at random.

        Args:
            unknown: The entries that are looked at, bool, shape (C, *sides).
            seed: Seed of what is drawn.

        Returns:
            Ranks in 64 random linear functionals, and in 64 entries or as many as there are, both
            int64, shape (K + 1, ...), with the truth first.
        """
        entries = torch.cat([self.truth, self.samples])[:, unknown].double()
        size = entries.shape[1]
        weights = normal(seed, Stream.CALIBRATION, [self.place], (FUNCTIONALS, size), step=1)[0]
        order = uniform(seed, Stream.CALIBRATION, [self.place], (size,), step=2)[0].argsort()
        keys = uniform(
            seed, Stream.CALIBRATION, [self.place], (len(entries), FUNCTIONALS + VALUES), step=3
        )[0]
        chosen = entries[:, order[:VALUES]]
        return (
            ranks(entries @ weights.double().T, keys[:, :FUNCTIONALS]),
            ranks(chosen, keys[:, FUNCTIONALS : FUNCTIONALS + chosen.shape[1]]),
        )


@dataclass(frozen=True, eq=False)
class Outcomes:
    """All items of one trial.

    Attributes:
        trial: The trial.
        each: The items.
    """

    trial: Trial
    each: tuple[Outcome, ...]

    @property
    def samples(self) -> int:
        """Number of restorations of each item."""
        return len(self.each[0].samples)
