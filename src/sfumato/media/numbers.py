"""Media of numbers: items are arrays of one shape, modelled by Gaussian diffusion.

Images and audio are such media. A new one defines its settings, a reader, an encoding to tensors
and back, and a recipe; data, training, sampling, variations, scores and reports then work for it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor

from sfumato.data.building import Progress, entries_now, open_or_build, opened
from sfumato.data.dataset import Dataset
from sfumato.data.digests import Entry, write_digests
from sfumato.data.index import FileKind, Index, scan
from sfumato.data.items import Encoded
from sfumato.denoiser import NetworkDenoiser
from sfumato.errors import SettingError
from sfumato.likelihood import GaussianReconstruction, Reconstruction
from sfumato.media.editing import Editable, thinned
from sfumato.media.facts import DataFacts
from sfumato.media.medium import (
    DIGESTS,
    Data,
    Description,
    Medium,
    Reading,
    Reporter,
    Source,
    finished,
    readings,
)
from sfumato.media.report import Contents, NumberReport, Report, items_in_words
from sfumato.process.gaussian import Gaussian
from sfumato.recipes import GaussianRecipe
from sfumato.restoration.covariance import Covariance

_MEASURED = 2048  # Number of items, evenly spaced, on which settings are measured.


class NumberMedium(Editable, Medium):
    """Base of media whose items are arrays of one shape.

    Attributes:
        kind: The files that are read.
        variations: Number of uniform numbers that determine the augmentation of an item.
        reconstruction: The likelihood of exact values given the last state of the process.
    """

    options: ClassVar[Mapping[str, frozenset[str]]] = {
        "sample": frozenset({"start", "strength"}),
        "edit": frozenset({"denoise", "noise", "strength", "method"}),
        "evaluate": frozenset({"label", "scale", "restore", "restore_samples"}),
        "tune": frozenset({"scale"}),
    }
    kind: ClassVar[FileKind]
    variations: ClassVar[int] = 0
    reconstruction: ClassVar[Reconstruction] = GaussianReconstruction()
    recipe: ClassVar[type[GaussianRecipe]]

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @classmethod
    def of_run(cls, recipe: GaussianRecipe, folder: Path) -> Self:
        """See :meth:`Medium.of_run`."""
        return cls(recipe.medium)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of an item in the cache."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Data type of an item in the cache."""

    @property
    @abstractmethod
    def cache_key(self) -> str:
        """All settings that affect what :meth:`read` returns, as text."""

    @property
    def signal_shape(self) -> tuple[int, ...]:
        """Shape of an encoded item, as a process sees it: (C, *sides)."""
        return self.shape

    @abstractmethod
    def read(self, path: Path, part: int = 0) -> NDArray[Any]:
        """Read an item from a file.

        Raises:
            DataError: The file cannot be read.
        """

    def read_start(self, path: Path) -> NDArray[Any]:
        """Read the item that a variation of a file starts from.

        Raises:
            DataError: The file cannot be read.
        """
        return self.read(path)

    @abstractmethod
    def examples(self, items: NDArray[Any], uniforms: Tensor | None = None) -> Encoded:
        """Encode items for training.

        Args:
            items: Items from the cache, shape (B, ...).
            uniforms: Uniform numbers in [0, 1), shape (B, ``variations``), for augmentation; None
                turns augmentation off.
        """

    @abstractmethod
    def decode(self, x0: Tensor) -> NDArray[Any]:
        """Decode signals (B, C, *sides) to items, shape (B, ...)."""

    def ended(self, items: NDArray[Any], seconds: Sequence[float | None]) -> NDArray[Any]:
        """Decoded samples with their lengths: nothing follows the end of an item.

        Args:
            items: What :meth:`decode` returns, shape (B, ...).
            seconds: Length of each item; None for all of it.
        """
        return items

    @abstractmethod
    def write_preview(self, items: NDArray[Any], paths: Sequence[Path]) -> None:
        """Write decoded samples (B, ...) to each of the paths, which have no suffix yet."""

    def divided(self, index: Index) -> Index:
        """The index with one item for each part of a file, if the medium divides files."""
        return index

    def settled(self, items: NDArray[Any]) -> Self:
        """The medium with all settings resolved that are measured on typical items (M, ...)."""
        return self

    def seconds(self, filled: float) -> float | None:
        """Length of an item that fills a share of its extent; None for media without time."""
        return None

    def filled(self, seconds: float) -> float:
        """Share of its extent that an item of a length fills, limited to the possible range."""
        return 1.0

    def require_seconds(self, seconds: float) -> None:
        """Check that items of the medium can have a length.

        Raises:
            SettingError: The length is not possible.
        """
        raise SettingError(f"{self.plural} have no length in seconds.".capitalize())

    @classmethod
    def resolved(cls, settings: Any, index: Index) -> BaseModel:
        """The settings with all values resolved that depend on the files."""
        found: BaseModel = settings
        return found

    @classmethod
    def resolving(cls, settings: Any, index: Index) -> Generator[Progress, None, BaseModel]:
        """Like :meth:`resolved`, for media that read the files for it; yields the progress."""
        yield from ()
        return cls.resolved(settings, index)

    def quantiles(
        self, dataset: Dataset, training: NDArray[np.int64], labels: NDArray[np.int64] | None
    ) -> tuple[tuple[float, ...], ...]:
        """Quantiles of the lengths of training items in seconds, see ``DataFacts.seconds``."""
        return ()

    def require_enough(self, dataset: Dataset, place: Path) -> None:
        """Check that there is enough data to learn from.

        Raises:
            DataError: There are too few items.
        """

    @classmethod
    def open(
        cls, source: Source, recipe: GaussianRecipe, stored: Path | None = None
    ) -> Iterator[Reading | Data]:
        """See :meth:`Medium.open`."""
        cls.require()
        index = cls.listed(source.path, recipe)
        medium = cls((yield from readings(cls.resolving(recipe.medium, index))))
        for event in opened(medium.divided(index), medium):
            if isinstance(event, Dataset):
                yield _data(event, medium, source, recipe)
            else:
                yield Reading(step=0, **event._asdict())

    @classmethod
    def entries(cls, source: Path, recipe: GaussianRecipe) -> Iterator[Entry]:
        """See :meth:`Medium.entries`; items whose files did not change are not read."""
        medium = cls(recipe.medium)
        index = medium.divided(cls.listed(source, recipe))
        return entries_now(index, medium, labels=recipe.data.labels)

    @classmethod
    def listed(cls, folder: Path, recipe: GaussianRecipe) -> Index:
        """The files of a folder that a run looks at.

        Raises:
            DataError: There are none.
        """
        return scan(folder, cls.kind._replace(unread=cls.unread), recipe.data.selection)

    @classmethod
    def denoiser(cls, recipe: GaussianRecipe, facts: DataFacts) -> NetworkDenoiser:
        """See :meth:`Medium.denoiser`."""
        medium = cls(recipe.medium)
        channels, *sides = medium.signal_shape
        classes = len(facts.classes) if recipe.data.labels else 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            backbone = recipe.backbone.build(channels, sides, classes, bool(facts.seconds))
        if recipe.sigma_data is None:
            raise ValueError("the recipe has to be settled on its data first")
        process = Gaussian(recipe.schedule)
        return NetworkDenoiser(backbone, process, recipe.prediction, recipe.sigma_data)

    @classmethod
    def describe(cls, recipe: GaussianRecipe, facts: DataFacts) -> Description:
        """See :meth:`Medium.describe`."""
        medium = cls(recipe.medium)
        shape = " x ".join(map(str, medium.shape))
        return Description(
            subject=f"{cls.plural} of {shape} numbers",
            rows={"prediction, schedule": f"{recipe.prediction.kind}, {recipe.schedule.kind}"},
            facts={cls.plural.replace(" ", "_"): facts.count, "shape": list(medium.shape)},
        )

    @classmethod
    def check(
        cls,
        folder: Path,
        recipe: GaussianRecipe,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Report:
        """See :meth:`Medium.check`. The cache that it fills is the one that a run uses."""
        cls.require()
        files = cls.listed(folder, recipe)
        report = Reporter(progress)
        medium = cls(finished(cls.resolving(recipe.medium, files), report))
        dataset = open_or_build(medium.divided(files), medium, progress=report)
        dataset = (Dataset.open(medium.divided(files), medium) if report.used else None) or dataset
        training, held_out = dataset.split(recipe.data.held_out)
        dataset = dataset.with_used_labels(training, recipe.data.labels)
        found = medium.report(files, dataset)
        if isinstance(found, NumberReport):
            return replace(found, **Contents.counted(dataset, held_out, cls.unread))
        return found

    def reading(self, dataset: Dataset) -> Iterator[tuple[str, str]]:
        """Rows that tell how items are read, see :meth:`Data.summary`."""
        yield "read as", " x ".join(map(str, self.shape)) + " numbers"

    def report(self, files: Index, dataset: Dataset) -> Report:
        """A report on files and their items."""
        return NumberReport.of(files.root, self.settings, dataset)


@dataclass(frozen=True)
class NumberData(Data):
    """Items of a medium of numbers as a run uses them.

    Attributes:
        recipe: The recipe before it is settled on the data.
        dataset: All items.
        medium: The medium, with all settings resolved.
        training: Indices of the training items.
        held_out: Indices of the held-out items.
        facts: The facts about the data for the spec.
    """

    recipe: GaussianRecipe
    dataset: Dataset
    medium: NumberMedium
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    facts: DataFacts

    def store(self, folder: Path) -> None:
        """See :meth:`Data.store`: the digests of the items; the spec has all the rest."""
        write_digests(folder / DIGESTS, self.entries())

    def with_facts(self, facts: DataFacts) -> Self:
        """See :meth:`Data.with_facts`."""
        return replace(self, facts=facts)

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Data.entries`."""
        return self.dataset.entries()

    def summary(self) -> Iterator[tuple[str, str]]:
        """See :meth:`Data.summary`."""
        medium = self.medium
        contents = Contents(**Contents.counted(self.dataset, self.held_out, medium.unread))
        yield medium.plural, items_in_words(contents.count, contents.groups)
        yield from medium.reading(self.dataset)
        yield from contents.rows(most=3, source=self.facts.source)

    def settled(self) -> GaussianRecipe:
        """The recipe with the settings of the medium and the deviation of the data."""
        return self.recipe.settled(self.medium.settings, self.sigma())

    def covariance(self) -> Covariance:
        """See :meth:`Data.covariance`; measured on some hundred evenly spaced items."""
        items = thinned(_typical(self.dataset, self.training), self.medium.signal_shape)
        return Covariance.measured(self.medium.examples(items).x0)

    def sigma(self) -> float:
        """Standard deviation of the encoded data, over at most 2,048 evenly spaced items."""
        items = _typical(self.dataset, self.training)
        return round(float(self.medium.examples(items).x0.std()), 4) or 0.5


def _typical(dataset: Dataset, training: NDArray[np.int64]) -> NDArray[Any]:
    items, _ = dataset.gather(training[:: -(-len(training) // _MEASURED)])
    return items


def _data(
    dataset: Dataset, medium: NumberMedium, source: Source, recipe: GaussianRecipe
) -> NumberData:
    training, held_out = dataset.split(recipe.data.held_out)
    dataset = dataset.with_used_labels(training, recipe.data.labels)
    medium.require_enough(dataset, source.path)
    medium = medium.settled(_typical(dataset, training))
    facts = source.facts(
        fingerprint=dataset.fingerprint,
        content=dataset.content,
        count=len(dataset),
        classes=dataset.classes,
        frequencies=dataset.frequencies(training),
        seconds=medium.quantiles(dataset, training, dataset.labels),
    )
    return NumberData(recipe, dataset, medium, training, held_out, facts)
