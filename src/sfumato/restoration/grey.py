"""One channel made from several, such as grey from colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.restoration.operator import Operator

BT601 = (0.299, 0.587, 0.114)
"""Luma of red, green and blue (ITU-R BT.601-7, 2.5.1), which Pillow's mode ``L`` holds too."""


class Grey(Operator):
    """A weighted mean of the channels: shape (B, 1, *sides).

    With equal weights it makes one channel of the two of a stereo sound.
    """

    summary: ClassVar[str] = "grey from colour, of which colourising is the inverse"

    kind: Literal["grey"] = "grey"
    weights: Annotated[tuple[float, ...], Field(min_length=1, max_length=1024)] = Field(
        default=BT601, description="the weight of each channel; they sum to 1"
    )

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        if not abs(sum(self.weights) - 1) < 1e-6:
            raise ValueError("the weights of the channels sum to 1")
        return self

    def require(self, shape: Sequence[int]) -> None:
        """See :meth:`Operator.require`."""
        if shape[0] != len(self.weights):
            raise SettingError(
                f"{len(self.weights)} channels cannot be mixed into one.",
                why=f"the data have shape {tuple(shape)}, with {shape[0]} "
                f"channel{'s' * (shape[0] != 1)}",
            )

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        self.require(x0.shape[1:])
        weights = torch.tensor(self.weights, dtype=torch.float64).to(x0)
        shaped = weights.reshape(-1, *(1 for _ in x0.shape[2:]))
        return (x0 * shaped).sum(1, keepdim=True)
