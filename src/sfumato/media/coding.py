"""How items of a medium of numbers become tensors and back, and what depends on all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor

from sfumato.data.building import Progress
from sfumato.data.dataset import Dataset
from sfumato.data.index import FileKind, Index
from sfumato.data.items import Encoded
from sfumato.errors import SettingError
from sfumato.likelihood import GaussianReconstruction, Reconstruction
from sfumato.media.medium import Medium
from sfumato.recipes import GaussianRecipe
from sfumato.restoration.mask import Mask


class Coding(Medium):
    """The part of a medium of numbers that turns files into arrays, and arrays into tensors.

    Attributes:
        kind: The files that are read.
        variations: Number of uniform numbers that determine the augmentation of an item.
        reconstruction: The likelihood of exact values given the last state of the process.
    """

    kind: ClassVar[FileKind]
    variations: ClassVar[int] = 0
    reconstruction: ClassVar[Reconstruction] = GaussianReconstruction()
    recipe: ClassVar[type[GaussianRecipe]]

    def __init__(self, settings: Any) -> None:
        self.settings = settings

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

    def region(self, path: Path) -> Mask:
        """Read which part of a sample a file marks; the part is what is known of the mask.

        Raises:
            SettingError: The medium has no regions.
            DataError: The file cannot be read.
        """
        raise SettingError(f"{self.plural} have no regions.".capitalize())

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
    def write_preview(
        self, items: NDArray[Any], paths: Sequence[Path], captions: Sequence[str] = ()
    ) -> None:
        """Write decoded samples (B, ...) to each of the paths, which have no suffix yet.

        Args:
            items: The samples.
            paths: The paths.
            captions: What each sample was to be, in words; none for samples without words.
        """

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

    def seconds_of(self, dataset: Dataset, places: Sequence[int]) -> Sequence[float]:
        """Lengths of the items at some places, in seconds; only for media with time."""
        return [0.0] * len(places)

    def require_enough(self, dataset: Dataset, place: Path) -> None:
        """Check that there is enough data to learn from.

        Raises:
            DataError: There are too few items.
        """

    def reading(self, dataset: Dataset) -> Iterator[tuple[str, str]]:
        """Rows that tell how items are read, see :meth:`Data.summary`."""
        yield "read as", " x ".join(map(str, self.shape)) + " numbers"
