"""Random projections: inner products with directions that a seed determines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.process.rng import Stream, normal
from sfumato.restoration.operator import Operator

_MOST_NUMBERS = 2**26


class Projection(Operator):
    """Inner products of the data with random directions: shape (B, rows).

    The N numbers of a direction are normal with variance 1 / N, so that a direction has about the
    length 1. Direction ``i`` depends on (seed, i) and on the shape of the data alone.
    """

    summary: ClassVar[str] = "inner products with random directions"

    kind: Literal["projection"] = "projection"
    rows: int = Field(ge=1, le=_MOST_NUMBERS, description="number of inner products")
    seed: int = Field(default=0, ge=0, lt=2**64, description="seed of the directions")

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`; the directions have to fit into memory."""
        count = self.rows * math.prod(shape)
        if count > _MOST_NUMBERS:
            raise SettingError(
                f"A projection of data of shape {tuple(shape)} on {self.rows:,} directions is too "
                "large.",
                why=f"the directions would have {count:,} numbers, more than {_MOST_NUMBERS:,}",
                hint="use fewer directions, or a Mask or Mean before the projection.",
            )

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        shape = tuple(x0.shape[1:])
        self.require(shape)
        rows = _directions(self.rows, self.seed, math.prod(shape), x0.dtype, x0.device)
        # Each sample is a product of its own, so that its rounding does not depend on the batch.
        return x0.flatten(1)[:, None].bmm(rows.mT.expand(len(x0), -1, -1))[:, 0]


@lru_cache(maxsize=2)
def _directions(
    rows: int, seed: int, size: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The directions, shape (rows, size)."""
    draws = normal(seed, Stream.OPERATOR, range(rows), (size,))
    return (draws / math.sqrt(size)).to(device, dtype)
