"""Further inputs of a backbone, as data: what it reads besides the state, the level and the label.

A description builds the module that reads the input (``nets.encoders``). Like the specs of
backbones, descriptions import torch only to build one. The null of every input is zeros.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


class Input(ABC):
    """Base of the descriptions of inputs."""

    @property
    def context(self) -> int:
        """The size of the states that attention reads; 0 if the input has none."""
        return 0

    @property
    def channels_beside(self) -> int:
        """The number of channels that the input puts beside those of the state."""
        return 0

    @abstractmethod
    def build(self, width: int) -> nn.Module:
        """A fresh module ``module(value) -> Encoded``, see `sfumato.nets.encoders`.

        Args:
            width: The size of the conditioning vector of the backbone.
        """

    @abstractmethod
    def unknown(self, x: Tensor) -> Tensor:
        """Zeros in the shape and type of the input, for the rows of a state (B, C, *sides)."""


@dataclass(frozen=True)
class LabelInput(Input):
    """A class number, int64 (B,): 0 is unknown and the classes are 1..classes.

    Attributes:
        classes: The number of classes.
    """

    classes: int

    def build(self, width: int) -> nn.Module:
        """See `Input.build`."""
        from sfumato.nets.encoders import LabelEncoder

        return LabelEncoder(self.classes, width)

    def unknown(self, x: Tensor) -> Tensor:
        """See `Input.unknown`."""
        import torch

        return x.new_zeros(len(x), dtype=torch.int64)


@dataclass(frozen=True)
class NumberInput(Input):
    """A number, float (B, 2): its value, of order 1, and 1 where it is known."""

    def build(self, width: int) -> nn.Module:
        """See `Input.build`."""
        from sfumato.nets.encoders import NumberEncoder

        return NumberEncoder(width)

    def unknown(self, x: Tensor) -> Tensor:
        """See `Input.unknown`."""
        return x.new_zeros(len(x), 2)


@dataclass(frozen=True)
class TokenInput(Input):
    """Words as tokens, int64 (B, L) with L <= length, which the backbone learns to read.

    Attributes:
        size: The number of tokens, with token 0, which is no token.
        length: The largest number of tokens of a text.
        width: The size of the state of a token, a multiple of ``2 * heads``.
        depth: The number of transformer blocks.
        heads: The number of heads of a block.
    """

    size: int
    length: int
    width: int = 128
    depth: int = 1
    heads: int = 4

    @property
    def context(self) -> int:
        """See `Input.context`."""
        return self.width

    def build(self, width: int) -> nn.Module:
        """See `Input.build`."""
        from sfumato.nets.encoders import TokenEncoder

        return TokenEncoder(self.size, self.length, self.width, width, self.depth, self.heads)

    def unknown(self, x: Tensor) -> Tensor:
        """See `Input.unknown`."""
        import torch

        return x.new_zeros(len(x), self.length, dtype=torch.int64)


@dataclass(frozen=True)
class StateInput(Input):
    """Words as states of a frozen encoder, float (B, L, size); a row of zeros is no token.

    Attributes:
        size: The size of a state of the frozen encoder.
        length: The number of places of an unknown text; known ones may have any.
        width: The size of the state of a token in the backbone, a multiple of ``2 * heads``.
        depth: The number of transformer blocks that follow the linear map.
        heads: The number of heads of a block.
    """

    size: int
    length: int
    width: int = 128
    depth: int = 0
    heads: int = 4

    @property
    def context(self) -> int:
        """See `Input.context`."""
        return self.width

    def build(self, width: int) -> nn.Module:
        """See `Input.build`."""
        from sfumato.nets.encoders import StateEncoder

        return StateEncoder(self.size, self.width, width, self.depth, self.heads)

    def unknown(self, x: Tensor) -> Tensor:
        """See `Input.unknown`."""
        return x.new_zeros(len(x), self.length, self.size)


@dataclass(frozen=True)
class SignalInput(Input):
    """A picture or clip of the same sides as the state, float (B, channels + 1, *sides).

    The last channel is 1 where the others are known.

    Attributes:
        channels: The number of channels of the picture or clip.
    """

    channels: int

    @property
    def channels_beside(self) -> int:
        """See `Input.channels_beside`."""
        return self.channels + 1

    def build(self, width: int) -> nn.Module:
        """See `Input.build`."""
        from sfumato.nets.encoders import SignalEncoder

        return SignalEncoder()

    def unknown(self, x: Tensor) -> Tensor:
        """See `Input.unknown`."""
        return x.new_zeros(len(x), self.channels_beside, *x.shape[2:])
