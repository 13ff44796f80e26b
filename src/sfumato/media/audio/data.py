"""Sounds in memory-mapped form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato import storage
from sfumato.errors import DataError, MissingExtra
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.reader import divided
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.data.dataset import Dataset
from sfumato.media.data.index import scan
from sfumato.media.numbers import GaussianData, facts_of, measured, opened
from sfumato.training.source import Reading

_QUANTILES = 17
_AT_ONCE = 512


def require() -> None:
    """Refuse to go on without the packages that read and write sounds.

    Raises:
        MissingExtra: One is not installed.
    """
    for package in ("soundfile", "soxr"):
        if find_spec(package) is None:
            raise MissingExtra(package, "audio", "Working with sounds")


@dataclass(frozen=True)
class AudioData(GaussianData[AudioMedium, AudioRecipe]):
    """A set of sounds as a run uses it."""

    def settled(self) -> AudioRecipe:
        """See :meth:`GaussianData.settled`."""
        return self.recipe.settled(self.medium.settings, self.sigma())

    def preview(self, x0: Tensor, paths: Sequence[Path]) -> None:
        """Write a sheet of pictures, and the sounds one after another, to each path."""
        clips = self.medium.decode(x0)
        picture = self.medium.sheet(list(clips))
        for path in paths:
            with storage.replacing(path.with_suffix(".png")) as draft:
                picture.save(draft, format="PNG")
            self.medium.write_in_a_row(path.with_suffix(".wav"), clips)


def read(folder: Path, entry: str | None, recipe: AudioRecipe) -> Iterator[Reading | AudioData]:
    """Read a folder of sounds; yields progress, and at the end the data.

    Args:
        folder: Where they are.
        entry: Their name in the catalogue, if they come from there.
        recipe: Of the run.

    Raises:
        MissingExtra: A package that reads sounds is not installed.
        DataError: There is nothing that can be used.
    """
    require()
    index = scan(folder, AudioMedium.kind)
    medium = AudioMedium(recipe.medium.resolve(index))
    for event in opened(divided(index, medium), medium):
        if isinstance(event, Dataset):
            yield _settled(event, medium, folder, entry, recipe)
        else:
            yield event


def _settled(
    dataset: Dataset, medium: AudioMedium, folder: Path, entry: str | None, recipe: AudioRecipe
) -> AudioData:
    if len(dataset) < 2:
        raise DataError(
            f"'{folder}' holds one sound that can be used, and a model needs many.",
            why="of one sound there is nothing to learn but itself",
            hint="add sounds; a long recording becomes many with --set medium.cut=all",
        )
    training, held_out = dataset.split(recipe.data.held_out)
    medium = medium.settled(measured(dataset, training))
    told = dataset.labels if recipe.data.labels else None
    seconds = _seconds(dataset, training, medium, told)
    facts = facts_of(folder, entry, dataset, training, seconds)
    return AudioData(recipe, dataset, medium, training, held_out, facts)


def _seconds(
    dataset: Dataset,
    training: NDArray[np.int64],
    medium: AudioMedium,
    classes: NDArray[np.int64] | None,
) -> tuple[tuple[float, ...], ...]:
    """Quantiles of the lengths by class, or of all; nothing if all sounds fill the window."""
    parts = np.array_split(training, 1 + len(training) // _AT_ONCE)
    lengths = np.concatenate([medium.lengths(dataset.array[part]) for part in parts])
    if lengths.min() == medium.settings.samples:
        return ()
    labels = np.zeros(len(training), np.int64) if classes is None else classes[training]
    shares = np.linspace(0.0, 1.0, _QUANTILES)
    rows = []
    for number in range(1 if classes is None else len(dataset.classes)):
        of_class = lengths[labels == number]
        chosen = of_class if len(of_class) else lengths
        quantiles = np.quantile(chosen, shares) / medium.settings.rate
        rows.append(tuple(quantiles.round(4).tolist()))
    return tuple(rows)
