"""Pictures in memory-mapped form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfumato.denoiser import NetworkDenoiser
from sfumato.media.catalogue import CATALOGUE
from sfumato.media.dataset import Dataset, build
from sfumato.media.image import ImageMedium
from sfumato.media.index import scan
from sfumato.recipes import Recipe
from sfumato.run.directory import RunDirectory
from sfumato.run.image.task import ImageTask
from sfumato.run.source import Fetching, Reading, fetching, folder_of, known_place
from sfumato.run.spec import DataFacts, Spec
from sfumato.run.task import AnyDenoiser, TrainingData

_MEASURED = 2048


@dataclass(frozen=True)
class ImageData(TrainingData):
    """A set of pictures as a run uses it.

    Attributes:
        recipe: As it was asked.
        dataset: All items.
        medium: How they were read.
        training: Indices trained on.
        held_out: Indices measured on.
        facts: For the spec.
    """

    recipe: Recipe
    dataset: Dataset
    medium: ImageMedium
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    facts: DataFacts

    def sigma(self) -> float:
        """Standard deviation of the encoded data, over at most 2,048 evenly spaced items."""
        step = -(-len(self.training) // _MEASURED)
        pixels, _ = self.dataset.gather(self.training[::step])
        return round(float(self.medium.encode(pixels).std()), 4) or 0.5

    def settled(self) -> Recipe:
        """With the channels and the deviation of the data."""
        return self.recipe.settled(self.medium.settings, self.sigma())

    def store(self, directory: RunDirectory) -> None:
        """Nothing: the spec holds it all."""

    def task(self, spec: Spec, denoiser: AnyDenoiser) -> ImageTask:
        """Denoising of these pictures."""
        if not isinstance(denoiser, NetworkDenoiser):
            raise TypeError("pictures are learnt by a denoiser of numbers")
        return ImageTask(self, spec, denoiser)


def prepare(source: str | Path, recipe: Recipe) -> Iterator[Fetching | Reading | ImageData]:
    """Read the data of a run; yields progress, and at the end the data.

    Raises:
        DataError: There is nothing that can be used.
    """
    if (said := fetching(source)) is not None:
        yield said
    folder, catalogued = folder_of(source)
    yield from _reading(folder, str(source) if catalogued else None, recipe)


def reopen(facts: DataFacts, recipe: Recipe) -> Iterator[Reading | ImageData]:
    """Read the data of an existing run again.

    Raises:
        DataError: It is gone.
    """
    folder, entry = known_place(facts)
    yield from _reading(folder, entry, recipe)


def _reading(folder: Path, entry: str | None, recipe: Recipe) -> Iterator[Reading | ImageData]:
    index = scan(folder, ImageMedium.kind)
    medium = ImageMedium(recipe.medium.resolve(index))
    dataset = Dataset.open(index, medium)
    if dataset is None:
        for done in build(index, medium):
            yield Reading(step=0, done=done.done, total=done.total, rejected=done.rejected)
        dataset = Dataset.open_or_build(index, medium)
    training, held_out = dataset.split(recipe.data.held_out)
    facts = _facts(folder, entry, dataset, training)
    yield ImageData(recipe, dataset, medium, training, held_out, facts)


def _facts(
    folder: Path, name: str | None, dataset: Dataset, training: NDArray[np.int64]
) -> DataFacts:
    entry = None if name is None else CATALOGUE[name]
    frequencies: tuple[float, ...] = ()
    if dataset.labels is not None:
        counts = np.bincount(dataset.labels[training], minlength=len(dataset.classes))
        frequencies = tuple((counts / counts.sum()).round(6).tolist())
    return DataFacts(
        source=name or str(folder.resolve()),
        catalogued=name is not None,
        fingerprint=dataset.fingerprint,
        count=len(dataset),
        classes=dataset.classes,
        frequencies=frequencies,
        licence=entry.licence if entry else "",
        attribution=entry.attribution if entry else "",
    )
