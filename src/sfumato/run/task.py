"""What the verbs of a run ask of a medium: its data, and what is to be learnt from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from torch import Tensor

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.engine.events import Metric
from sfumato.recipes import AnyRecipe
from sfumato.run.directory import RunDirectory
from sfumato.run.spec import DataFacts, Spec

AnyDenoiser = NetworkDenoiser | TokenDenoiser
BatchT = TypeVar("BatchT")


class Task(ABC, Generic[BatchT]):
    """What a model learns, step by step, and how far it has come."""

    @abstractmethod
    def batch(self, step: int) -> BatchT:
        """The training batch of a step; a pure function of it."""

    @abstractmethod
    def loss(self, batch: BatchT) -> Tensor:
        """One loss per sample, shape (B,)."""

    @abstractmethod
    def measures(self, step: int) -> Iterator[Metric]:
        """How well the model does on what it was not trained on; with the weights it has now."""

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
    def task(self, spec: Spec, denoiser: AnyDenoiser) -> Task[Any]:
        """What is to be learnt from these data."""
