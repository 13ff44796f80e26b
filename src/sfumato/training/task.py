"""What the verbs of a run ask of a medium: its data, and what is to be learnt from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.engine.events import Metric
from sfumato.media.data.digests import Entry
from sfumato.media.registry import AnyRecipe
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import DataFacts, Spec

AnyDenoiser = NetworkDenoiser | TokenDenoiser
BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class Measures:
    """How well a model does on items that it never saw, and on as many that it learnt from.

    Attributes:
        unit: What is measured, such as ``loss``; the smaller the better.
        held_out: Of each held-out item, float64, shape (n,); their mean is the measure.
        training: The same of training items, under the same times and noise.
    """

    unit: str
    held_out: Tensor
    training: Tensor

    def metrics(self, step: int) -> tuple[Metric, Metric]:
        """Their means: of what was held out, and of what was trained on."""
        named = (("held-out", self.held_out), ("training", self.training))
        found = [
            Metric(step=step, name=f"{name} {self.unit}", value=values.mean().item())
            for name, values in named
        ]
        return found[0], found[1]


class Task(ABC, Generic[BatchT]):
    """What a model learns, step by step, and how far it has come."""

    @abstractmethod
    def batch(self, step: int) -> BatchT:
        """The training batch of a step; a pure function of it."""

    @abstractmethod
    def names(self, step: int, places: Sequence[int]) -> list[str]:
        """Of the items that were at some places of the batch of a step."""

    @abstractmethod
    def loss(self, batch: BatchT) -> Tensor:
        """One loss per sample, shape (B,)."""

    @abstractmethod
    def measures(self) -> Measures | None:
        """How well the model does with the weights it has now; None if nothing was held out."""

    @abstractmethod
    def preview(self, directory: RunDirectory, step: int) -> None:
        """Write a few samples into the run's ``previews``, with the weights it has now."""


class TrainingData(ABC):
    """Data as a run uses it.

    Attributes:
        facts: For the spec.
    """

    facts: DataFacts

    @abstractmethod
    def settled(self) -> AnyRecipe:
        """The recipe with what depends on the data filled in."""

    @abstractmethod
    def store(self, directory: RunDirectory) -> None:
        """Write what else the run must keep of the data beside its spec."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """The identity of every item, to tell which of them change."""

    @abstractmethod
    def task(self, spec: Spec, denoiser: AnyDenoiser) -> Task[Any]:
        """What is to be learnt from these data."""
