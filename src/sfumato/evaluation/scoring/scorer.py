"""What scoring asks of a medium."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sfumato.runs.measuring import Measuring

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Found(Generic[ItemT]):
    """An item that was found and is yet to be read.

    Attributes:
        name: For the reader: the path as it was given, and which part of it.
        key: The same place named in another way has the same.
        read: Gives the item; raises :class:`SfumatoError` if it cannot.
    """

    name: str
    key: str
    read: Callable[[], ItemT]


class SetAside(NamedTuple):
    """What was set aside, or of a text mended, and why."""

    name: str
    reason: str


class Scorer(ABC, Generic[ItemT]):
    """Finds, reads and scores the items of a medium.

    Attributes:
        unit: Of the scores.
    """

    unit: str

    @abstractmethod
    def find(self, place: Path) -> Iterator[Found[ItemT] | SetAside]:
        """The items of a file or folder.

        Raises:
            SfumatoError: There are none.
        """

    @abstractmethod
    def held_out(self, most: int) -> Generator[Measuring, None, Sequence[ItemT]]:
        """Up to so many items that were held out of the run's data; yields progress.

        Raises:
            DataError: The data are gone.
            RunError: They are not what the run began with.
        """

    @abstractmethod
    def bits(self, item: ItemT) -> NDArray[np.float64]:
        """Independent estimates of an item's bits per unit, shape (draws,).

        They are a function of the item, the weights and what is asked; estimate ``d`` of every
        item is made with the same noise.
        """
