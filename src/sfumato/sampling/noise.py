"""Where a sampler's randomness comes from: an address book, not a stream.

Sample ``i`` of seed ``s`` gets the same prior and the same noise at step ``k`` whatever batch it
travels in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sfumato.process.rng import Stream, normal


class NoiseSource(Protocol):
    """Standard normal noise for a batch; it decides dtype, device and size of the batch."""

    def prior(self, shape: Sequence[int]) -> Tensor:
        """Noise of shape (B, *shape) that stands for the state at ``t = 1``."""

    def step(self, step: int, shape: Sequence[int]) -> Tensor:
        """Noise of shape (B, *shape) for step ``step`` of the grid, counted from 0."""


@dataclass(frozen=True)
class KeyedNoise:
    """Noise as a pure function of (seed, sample index, step).

    Attributes:
        seed: In [0, 2**64).
        indices: Global index of each sample of the batch.
        device: Where the states live.
        dtype: Of the states.
    """

    seed: int
    indices: Sequence[int]
    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32

    def prior(self, shape: Sequence[int]) -> Tensor:
        """See :meth:`NoiseSource.prior`."""
        return self._at(Stream.PRIOR, 0, shape)

    def step(self, step: int, shape: Sequence[int]) -> Tensor:
        """See :meth:`NoiseSource.step`."""
        return self._at(Stream.SAMPLER, step, shape)

    def _at(self, stream: Stream, step: int, shape: Sequence[int]) -> Tensor:
        noise = normal(self.seed, stream, self.indices, shape, step)
        return noise.to(self.device, self.dtype)
