"""The base of all trials: observations that are made of held-out items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from sfumato.media.numbers import NumberMedium
from sfumato.restoration import Operator


class Trial(ABC):
    """One kind of observation.

    Args:
        medium: The medium of the run.

    Attributes:
        name: The name by which `--restore` chooses it.
        about: What is observed.
        plain_name: What the plain restoration is, which stands beside the figures.
        noise: Standard deviation of the noise; encoded images reach from -1 to 1.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    plain_name: ClassVar[str]
    noise: ClassVar[float] = 0.02

    def __init__(self, medium: NumberMedium) -> None:
        self.medium = medium
        self.shape = tuple(medium.signal_shape)

    @abstractmethod
    def operator(self, filled: float) -> Operator:
        """What is observed of an item.

        Args:
            filled: The share of its extent that the item fills.
        """

    @abstractmethod
    def plain(self, values: Tensor, operator: Operator) -> Tensor:
        """A restoration without a model, shape (1, *shape).

        Args:
            values: The observation, shape (1, *out).
            operator: What :meth:`operator` returned.
        """

    def shown(self, values: Tensor, operator: Operator) -> Tensor:
        """The observation as data to look at, shape (1, *shape)."""
        return self.plain(values, operator)

    def unknown(self, operator: Operator) -> Tensor:
        """Which entries are measured: those that are not observed; bool, of the data's shape."""
        return torch.ones(self.shape, dtype=torch.bool)
