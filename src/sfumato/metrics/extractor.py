"""What turns items into feature vectors, in which near means alike.

Distances, coverage, diversity, copies and classes are all measured on features, so one interface
serves every medium: a network that someone trained, one of random weights, counts of n-grams, a
file that a user brings.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor

ItemsT = TypeVar("ItemsT", contravariant=True)


class Clips(NamedTuple):
    """Some sounds of one length.

    Attributes:
        samples: float32, shape (B, C, N), full scale is 1.
        rate: Samples per second.
    """

    samples: Tensor
    rate: int


class Extractor(Protocol[ItemsT]):
    """Turns items into vectors of one size.

    Items are pictures, a uint8 array of shape (B, C, H, W); sounds, :class:`Clips`; or texts, a
    sequence of strings.
    """

    @property
    def name(self) -> str:
        """Short, in words a reader knows, such as ``log-mel``."""
        ...

    @property
    def identity(self) -> str:
        """16 hex digits of a SHA-256 of all that the vectors depend on: weights, settings, version.

        Figures under different identities cannot be compared.
        """
        ...

    @property
    def dimension(self) -> int:
        """How many entries a vector has."""
        ...

    def __call__(self, items: ItemsT) -> Tensor:
        """Turn items into vectors, each for itself: never a function of the others.

        Returns:
            float32 on the CPU, shape (B, dimension).
        """
        ...
