"""The base of all training tasks: batches, losses, measures and previews."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from sfumato.engine.events import Metric
from sfumato.runs.directory import RunDirectory

BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class Measures:
    """Measures of a model on held-out items, and on as many training items.

    Attributes:
        unit: Name of the measure, such as ``loss``; smaller is better.
        held_out: The value of each held-out item, float64, shape (n,); their mean is the measure.
        training: The values of training items, under the same times and noise.
    """

    unit: str
    held_out: Tensor
    training: Tensor

    def metrics(self, step: int) -> tuple[Metric, Metric]:
        """The means of the held-out items and of the training items."""
        named = (("held-out", self.held_out), ("training", self.training))
        found = [
            Metric(step=step, name=f"{name} {self.unit}", value=values.mean().item())
            for name, values in named
        ]
        return found[0], found[1]


class Task(ABC, Generic[BatchT]):
    """Base of the training tasks."""

    @abstractmethod
    def batch(self, step: int) -> BatchT:
        """The training batch of a step; a pure function of the step."""

    @abstractmethod
    def names(self, step: int, places: Sequence[int]) -> list[str]:
        """Names of the items at some places of the batch of a step."""

    @abstractmethod
    def loss(self, batch: BatchT) -> Tensor:
        """One loss per sample, shape (B,)."""

    @abstractmethod
    def measures(self) -> Measures | None:
        """Measure the present weights; None if no items are held out."""

    @abstractmethod
    def preview(self, directory: RunDirectory, step: int) -> None:
        """Write a few samples of the present weights into the run's ``previews``."""
