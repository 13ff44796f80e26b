"""Fewer levels: clipped at a level, or rounded to some bits."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.restoration.interval import Interval, Rounded

# Stored values may be rounded, so a clipped one is near the level, relative to it.
_NEAR = 1e-4


class Clip(Interval):
    """Values limited to ``[-level, level]``, as by a microphone that is too loud.

    A value at the level says that the data lie at the level or beyond; other values are the data.
    """

    summary: ClassVar[str] = "values clipped at a level"
    is_linear: ClassVar[bool] = False

    kind: Literal["clip"] = "clip"
    level: float = Field(gt=0, le=1e6, description="the largest absolute value that is kept")

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        return x0.clamp(-self.level, self.level)

    def observed(self, x0: Tensor) -> Tensor:
        """See :meth:`Interval.observed`."""
        return self.forward(x0)

    def measured(self, x0: Tensor) -> Tensor:
        """The data themselves."""
        return x0

    def bounds(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Interval.bounds`; beyond the level they are infinite."""
        near = self.level * (1 - _NEAR)
        low = values.masked_fill(values <= -near, -math.inf)
        return low, values.masked_fill(values >= near, math.inf)

    def projected(self, x0: Tensor, values: Tensor) -> Tensor:
        """See :meth:`Interval.projected`."""
        return x0.clamp(*self.bounds(values))


class BitDepth(Rounded):
    """Values in [-1, 1] rounded to the nearest of ``2^bits`` levels, from -1 to 1."""

    summary: ClassVar[str] = "values rounded to a number of bits"

    kind: Literal["bit-depth"] = "bit-depth"
    bits: int = Field(ge=1, le=24, description="bits of a value")

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`; the data themselves, without the rounding."""
        return x0

    def observed(self, x0: Tensor) -> Tensor:
        """See :meth:`Interval.observed`."""
        most: int = 2**self.bits - 1
        level = ((x0.clamp(-1, 1) + 1) * (most / 2)).round()
        return level * (2 / most) - 1

    def step(self, like: Tensor) -> Tensor:
        """See :meth:`Rounded.step`."""
        return torch.as_tensor(2 / (2**self.bits - 1)).to(like)

    def projected(self, x0: Tensor, values: Tensor) -> Tensor:
        """See :meth:`Interval.projected`."""
        return x0.clamp(*self.bounds(values))
