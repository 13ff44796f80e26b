"""Data of fewer pixels or samples: block means, and what programs for pictures do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.operator import Operator
from sfumato.restoration.sides import along, require_sides

Filter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]

_MOST_WEIGHTS = 2**24


class Mean(Operator):
    """The means of blocks that do not overlap: shape (B, C, *sides / factor)."""

    summary: ClassVar[str] = "the means of square blocks, of which super-resolution is the inverse"

    kind: Literal["mean"] = "mean"
    factor: int = Field(ge=2, le=4096, description="the length of a block along each side")

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`; the sides have to be multiples of the factor."""
        sides = require_sides("A block mean", shape)
        if any(side % self.factor for side in sides):
            raise SettingError(
                f"Data with sides {sides} cannot be divided into blocks of {self.factor}.",
                hint="crop them to multiples of the factor, or use Resample.",
            )

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        self.require(x0.shape[1:])
        pool = F.avg_pool1d if x0.ndim == 3 else F.avg_pool2d
        return pool(x0, self.factor)


class Resample(Operator):
    """Resampling to another size, as Pillow's ``Image.resize`` does it: shape (B, C, *sides).

    Each new value is a weighted mean of the old ones around its place. When data become smaller,
    the filter becomes wider by the same factor, which prevents aliasing. Pillow rounds to eight
    bits after each side; this does not round.
    """

    summary: ClassVar[str] = "resampling to any size, as a program for pictures shrinks them"

    kind: Literal["resample"] = "resample"
    sides: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=2)] = Field(
        description="the sides of the result, such as (height, width)"
    )
    filter: Filter = Field(default="bicubic", description="the shape of the weights")

    @classmethod
    def by(cls, factor: float, sides: Sequence[int], filter: Filter = "bicubic") -> Resample:
        """Make data of some sides smaller by a factor, to the nearest size.

        Raises:
            SettingError: The factor is not positive and finite.
        """
        if not 0 < factor < math.inf:
            raise SettingError(f"Data cannot become {factor} times smaller.")
        return cls(sides=tuple(max(1, round(side / factor)) for side in sides), filter=filter)

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`."""
        sides = require_sides("Resampling", shape)
        if len(sides) != len(self.sides):
            raise SettingError(
                f"Data with sides {sides} cannot be resampled to sides {self.sides}.",
                why="the number of sides differs",
            )
        if max(a * b for a, b in zip(sides, self.sides, strict=True)) > _MOST_WEIGHTS:
            raise SettingError(
                f"Data with sides {sides} are too large to be resampled to {self.sides}.",
                why=f"one side would need more than {_MOST_WEIGHTS:,} weights",
                hint="restore a part of them, or use Mean.",
            )

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        self.require(x0.shape[1:])
        for axis, side in enumerate(self.sides, 2):
            old = x0.shape[axis]
            if old != side:
                x0 = along(x0, _weights(old, side, self.filter, x0.device), axis)
        return x0


@lru_cache(maxsize=16)
def _weights(old: int, new: int, filter: Filter, device: torch.device) -> Tensor:
    """The weights of the old values in the new ones, float64, shape (new, old); rows sum to 1."""
    scale = old / new
    centres = (torch.arange(new, dtype=torch.float64) + 0.5) * scale
    places = torch.arange(old, dtype=torch.float64) + 0.5
    weights = _FILTERS[filter]((places - centres[:, None]) / max(scale, 1.0))
    return (weights / weights.sum(1, keepdim=True)).to(device)


def _box(x: Tensor) -> Tensor:
    return ((x > -0.5) & (x <= 0.5)).to(x)


def _bilinear(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp_min(0)


def _hamming(x: Tensor) -> Tensor:
    """The sinc of width 1 in a Hamming window."""
    return torch.sinc(x) * (0.54 + 0.46 * torch.cos(math.pi * x)) * (x.abs() < 1)


def _bicubic(x: Tensor) -> Tensor:
    """Keys 1981, "Cubic convolution interpolation for digital image processing", a = -1/2."""
    x = x.abs()
    inner = (1.5 * x - 2.5) * x * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, inner, torch.where(x < 2, outer, torch.zeros_like(x)))


def _lanczos(x: Tensor) -> Tensor:
    """Three lobes of the sinc, in the main lobe of a wider one."""
    return torch.sinc(x) * torch.sinc(x / 3) * (x.abs() < 3)


_FILTERS: dict[Filter, Callable[[Tensor], Tensor]] = {
    "box": _box,
    "bilinear": _bilinear,
    "hamming": _hamming,
    "bicubic": _bicubic,
    "lanczos": _lanczos,
}
