"""Pictures or sounds in memory-mapped form, as a run uses them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.catalogue import CATALOGUE
from sfumato.media.data.building import build, open_or_build
from sfumato.media.data.dataset import Dataset, Reader
from sfumato.media.data.digests import Entry, write_digests
from sfumato.media.data.index import Index
from sfumato.media.medium import SignalMedium
from sfumato.media.registry import AnyRecipe
from sfumato.recipes import GaussianRecipe
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import DataFacts, Spec
from sfumato.training.batches import Batches
from sfumato.training.numbers_task import GaussianTask
from sfumato.training.source import Reading
from sfumato.training.task import AnyDenoiser, TrainingData

_MEASURED = 2048

MediumT = TypeVar("MediumT", bound=SignalMedium)
RecipeT = TypeVar("RecipeT", bound=GaussianRecipe)


@dataclass(frozen=True)
class GaussianData(TrainingData, Generic[MediumT, RecipeT]):
    """A set of pictures or sounds as a run uses it.

    Attributes:
        recipe: As it was asked.
        dataset: All items.
        medium: How they were read, with nothing left open.
        training: Indices trained on.
        held_out: Indices measured on.
        facts: For the spec.
    """

    recipe: RecipeT
    dataset: Dataset
    medium: MediumT
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    facts: DataFacts

    @abstractmethod
    def preview(self, x0: Tensor, paths: Sequence[Path]) -> None:
        """Write samples, shape (B, C, *sides), to each of the paths, which lack a suffix."""

    def sigma(self) -> float:
        """Standard deviation of the encoded data, over at most 2,048 evenly spaced items."""
        items = measured(self.dataset, self.training)
        return round(float(self.medium.examples(items).x0.std()), 4) or 0.5

    @abstractmethod
    def settled(self) -> AnyRecipe:
        """With the settings of the medium and the deviation of the data."""

    def store(self, directory: RunDirectory) -> None:
        """Write the digests of the items; the spec holds all the rest."""
        write_digests(directory.digests, self.entries())

    def entries(self) -> Iterator[Entry]:
        """The identity of every item."""
        return self.dataset.entries()

    def task(self, spec: Spec, denoiser: AnyDenoiser) -> GaussianTask:
        """Denoising of these items."""
        batches = self.batches(spec.gaussian, spec.classes, spec.lengths)
        return GaussianTask(batches, self.preview, spec, denoiser)

    def batches(self, recipe: GaussianRecipe, classes: int, lengths: bool = False) -> Batches:
        """The batches of a recipe, see :class:`Batches`."""
        parts = self.dataset, self.training, self.held_out, self.medium
        return Batches(*parts, recipe, classes, lengths)


def measured(dataset: Dataset, training: NDArray[np.int64]) -> NDArray[Any]:
    """At most 2,048 items, evenly spaced, on which settings are settled."""
    items, _ = dataset.gather(training[:: -(-len(training) // _MEASURED)])
    return items


def opened(index: Index, reader: Reader) -> Iterator[Reading | Dataset]:
    """The items of an index in memory-mapped form; yields the progress of reading them.

    Raises:
        DataError: There is nothing that can be used.
    """
    dataset = Dataset.open(index, reader)
    if dataset is None:
        for done in build(index, reader):
            yield Reading(step=0, done=done.done, total=done.total, rejected=done.rejected)
        dataset = open_or_build(index, reader)
    yield dataset


def facts_of(
    folder: Path,
    name: str | None,
    dataset: Dataset,
    training: NDArray[np.int64],
    seconds: tuple[tuple[float, ...], ...] = (),
) -> DataFacts:
    """What the spec says of the data.

    Args:
        folder: Where they are.
        name: In the catalogue, if they come from there.
        dataset: All items.
        training: Indices trained on.
        seconds: See :class:`DataFacts`.
    """
    entry = None if name is None else CATALOGUE[name]
    frequencies: tuple[float, ...] = ()
    if dataset.labels is not None:
        counts = np.bincount(dataset.labels[training], minlength=len(dataset.classes))
        frequencies = tuple((counts / counts.sum()).round(6).tolist())
    return DataFacts(
        source=name or str(folder.resolve()),
        catalogued=name is not None,
        fingerprint=dataset.fingerprint,
        content=dataset.content,
        count=len(dataset),
        classes=dataset.classes,
        frequencies=frequencies,
        licence=entry.licence if entry else "",
        attribution=entry.attribution if entry else "",
        seconds=seconds,
    )
