"""Two sets of conditions in one sample, as they are stored with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from sfumato.conditioning.condition import Value
from sfumato.model.option import LARGEST
from sfumato.restoration.mask import Mask


class Blend(BaseModel):
    """The second set of conditions of a sample, and its weight.

    Either a region of the sample has the second set, or its weight grows from 0 in the first sample
    to 1 in the last one; these all begin from the noise of the first one.

    Attributes:
        conditions: Values of the second set by name; what it lacks is the same in both.
        region: The places of the second set, marked as known; None for a series.
        first: Index of the first sample of a series.
        count: Number of samples of a series.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    conditions: dict[str, Value]
    region: Mask | None = None
    first: int = Field(0, ge=0, le=LARGEST)
    count: int = Field(2, ge=2, le=100_000)

    def weights(self, indices: Sequence[int], sides: Sequence[int]) -> Tensor:
        """Weights of the second set, float32, shape (B,), or (B, 1, *sides) for a region."""
        if self.region is not None:
            marked = self.region.known_in((1, *sides)).to(torch.float32)
            return marked.expand(len(indices), 1, *sides).contiguous()
        last = self.count - 1
        places = [min(max(index - self.first, 0), last) / last for index in indices]
        return torch.tensor(places, dtype=torch.float32)

    def noise(self, indices: Sequence[int]) -> Sequence[int]:
        """Indices of the noise of samples: in a series all have that of the first one."""
        return indices if self.region is not None else [self.first] * len(indices)
