"""From what the user named to data in memory-mapped form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfumato.engine.events import Event
from sfumato.errors import DataError, RunError, suggest
from sfumato.media.catalogue import CATALOGUE, fetch
from sfumato.media.dataset import Dataset, build
from sfumato.media.image import ImageMedium, ImageSettings
from sfumato.media.index import scan
from sfumato.recipes.recipe import DataSettings
from sfumato.run.spec import DataFacts

_MEASURED = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Event):
    """Data is being read before training; ``step`` is 0."""

    done: int
    total: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching(Event):
    """A set of the catalogue is wanted, and is downloaded if it is not here; ``step`` is 0."""

    name: str
    megabytes: int


@dataclass(frozen=True)
class TrainingData:
    """A data set as a run uses it.

    Attributes:
        dataset: All items.
        medium: How they were read.
        training: Indices trained on.
        held_out: Indices measured on.
        facts: For the spec.
    """

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


def folder_of(source: str | Path) -> tuple[Path, bool]:
    """The folder that a path or a catalogue name stands for, fetching it if need be.

    Returns:
        The folder, and whether it came from the catalogue.

    Raises:
        DataError: It is neither.
    """
    path = _expanded(source)
    if path.exists():
        return path, False
    if str(source) in CATALOGUE:
        return fetch(str(source)).path, True
    looks_like_path = "/" in str(source) or "\\" in str(source) or str(source).startswith(".")
    raise DataError(
        f"There is no folder '{source}', and no data set of that name.",
        hint="check the path." if looks_like_path else suggest(str(source), CATALOGUE),
    )


def _expanded(source: str | Path) -> Path:
    # An empty path means the present folder, and an unset shell variable hardly does.
    if not str(source):
        raise DataError("No folder was named.", hint="sfumato train FOLDER")
    try:
        path = Path(source).expanduser()
        str(path.absolute()).encode()  # It is to be written into the spec.
    except UnicodeEncodeError as error:
        raise DataError(
            f"The name of the folder {str(source)!r} is not valid UTF-8.", hint="rename it."
        ) from error
    except RuntimeError as error:
        raise DataError(f"There is no folder '{source}'.", why=str(error)) from error
    return path


def prepare(
    source: str | Path, medium_settings: ImageSettings, settings: DataSettings
) -> Iterator[Fetching | Reading | TrainingData]:
    """Read the data of a run; yields progress, and at the end the data.

    Raises:
        DataError: There is nothing that can be used.
    """
    name = str(source)
    if name in CATALOGUE and not Path(name).exists():
        yield Fetching(step=0, name=name, megabytes=CATALOGUE[name].megabytes)
    folder, catalogued = folder_of(source)
    yield from _reading(folder, name if catalogued else None, medium_settings, settings)


def _reading(
    folder: Path, entry: str | None, medium_settings: ImageSettings, settings: DataSettings
) -> Iterator[Reading | TrainingData]:
    index = scan(folder, ImageMedium.kind)
    medium = ImageMedium(medium_settings.resolve(index))
    dataset = Dataset.open(index, medium)
    if dataset is None:
        for done in build(index, medium):
            yield Reading(step=0, done=done.done, total=done.total, rejected=done.rejected)
        dataset = Dataset.open_or_build(index, medium)
    training, held_out = dataset.split(settings.held_out)
    facts = _facts(folder, entry, dataset, training)
    yield TrainingData(dataset, medium, training, held_out, facts)


def reopen(
    facts: DataFacts, medium_settings: ImageSettings, settings: DataSettings
) -> Iterator[Reading | TrainingData]:
    """Read the data of an existing run again.

    Raises:
        DataError: It is gone.
        RunError: It is not what the run began with.
    """
    # By what the source was then: a folder may have come up that has a catalogue's name.
    if facts.catalogued:
        folder, entry = fetch(facts.source).path, facts.source
    else:
        folder, entry = Path(facts.source), None
    for event in _reading(folder, entry, medium_settings, settings):
        if isinstance(event, TrainingData) and event.facts.fingerprint != facts.fingerprint:
            raise RunError(
                f"The data in '{facts.source}' is not what this run began with.",
                why=f"it had {facts.count} usable files and has {event.facts.count}, "
                "or their names, sizes or labels changed",
                hint="put the files back, or begin a new run with: sfumato train",
            )
        yield event


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
