"""The conditions of a backbone: noise level and position, perhaps label and length."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.errors import SettingError
from sfumato.nets.layers import grid

FREQUENCIES = 32
LOWEST, HIGHEST = 0.25, 16.0  # radians per unit of level: wavelengths of 25 down to 0.4


class FourierFeatures(nn.Module):
    """Sines and cosines of each coordinate at fixed, geometrically spaced frequencies.

    Args:
        axes: The number of coordinates.
        count: The number of frequencies per coordinate.
        lowest: The first frequency, radians per unit.
        highest: The last frequency, radians per unit.
    """

    frequencies: Tensor

    def __init__(
        self,
        axes: int = 1,
        count: int = FREQUENCIES,
        lowest: float = LOWEST,
        highest: float = HIGHEST,
    ) -> None:
        super().__init__()
        self.size = 2 * axes * count
        ratio = torch.linspace(0.0, 1.0, count)
        frequencies = lowest * (highest / lowest) ** ratio
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, coordinates: Tensor) -> Tensor:
        """(..., axes) of order 1 -> (..., size)."""
        phase = (coordinates.unsqueeze(-1) * self.frequencies).flatten(-2)
        return torch.cat([phase.sin(), phase.cos()], dim=-1)


class PositionEmbedding(nn.Module):
    """A vector for every cell of a grid from its relative position, whatever the size of the grid.

    Args:
        axes: The number of coordinates.
        width: The size of the vector.
    """

    def __init__(self, axes: int, width: int) -> None:
        super().__init__()
        self.features = FourierFeatures(axes, count=16, lowest=1.0, highest=50.0)
        self.weight = nn.Linear(self.features.size, width, bias=False).weight

    def forward(self, sides: tuple[int, ...]) -> Tensor:
        """(prod(sides), width) for the cells in row-major order, every side mapped to [-1, 1]."""
        positions = grid(sides, self.weight.device)
        centres = (2 * positions + 1) / positions.new_tensor(sides) - 1
        return F.linear(self.features(centres).to(self.weight.dtype), self.weight)


class Conditioning(nn.Module):
    """One vector per sample from its noise level, its label and its length.

    Args:
        width: The size of the vector.
        classes: The number of labels. The table has one more row for the null label, that of a
            sample whose label is unknown or withheld (Ho & Salimans 2022).
        lengths: Whether the share of the input that is filled is a condition.
    """

    def __init__(self, width: int, classes: int = 0, lengths: bool = False) -> None:
        super().__init__()
        self.classes = classes
        self.features = FourierFeatures()
        self.inner = nn.Linear(self.features.size, width)
        self.outer = nn.Linear(width, width)
        self.activation = nn.SiLU()
        self.labels = nn.Embedding(classes + 1, width) if classes else None
        self.lengths = nn.Linear(self.features.size, width, bias=False) if lengths else None

    def forward(
        self,
        level: Tensor,
        label: Tensor | None = None,
        length: Tensor | None = None,
        further: Tensor | None = None,
    ) -> Tensor:
        """Embed and activate, ready for `Modulation`.

        Args:
            level: (B,), of order 1, a smooth function of the log signal-to-noise ratio.
            label: (B,) long in 0..classes, where `classes` is the null label; None is null
                for every sample.
            length: (B,), the share of the input that is filled, in [0, 1]; None is 1 for all.
            further: The vector of the further inputs, (B, width); None for none.

        Returns:
            (B, width).

        Raises:
            SettingError: A label or length was given to a backbone built without them.
        """
        vector: Tensor = self.outer(self.activation(self.inner(self._features(level))))
        if self.labels is None:
            if label is not None:
                raise SettingError(
                    "A label was given to a backbone without labels.",
                    why="it was built with classes=0.",
                    hint="build it with the number of classes, or give no label.",
                )
        else:
            if label is None:
                label = torch.full(level.shape, self.classes, device=level.device)
            vector = vector + self.labels(label)
        if self.lengths is not None:
            filled = torch.ones_like(level) if length is None else length.to(level.dtype)
            # Over twice the range of levels, so that a tenth of the input makes a clear difference.
            vector = vector + self.lengths(self._features(4 * filled - 2))
        elif length is not None:
            raise SettingError(
                "A length was given to a backbone without lengths.",
                hint="build it with lengths=True, or give no length.",
            )
        if further is not None:
            vector = vector + further
        activated: Tensor = self.activation(vector)
        return activated

    def _features(self, values: Tensor) -> Tensor:
        features: Tensor = self.features(values.unsqueeze(-1)).to(self.inner.weight.dtype)
        return features
