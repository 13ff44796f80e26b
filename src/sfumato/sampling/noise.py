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

from sfumato.process.rng import Stream, normal, uniform

# Steps are counted below this; a second draw of a step is at an address that no step has.
_DRAWS = 2**32
_BLOCKS = 2**40


class NoiseSource(Protocol):
    """The noise that a process speaks of, for a batch; it decides device and size of the batch."""

    def prior(self, shape: Sequence[int]) -> Tensor:
        """Noise of shape (B, *shape) that stands for the state at ``t = 1``."""

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        """Noise of shape (B, *shape) for step ``step`` of the grid, counted from 0.

        A step that needs more than one draw numbers them.
        """


@dataclass(frozen=True)
class KeyedNoise:
    """Standard normal noise as a pure function of (seed, sample index, step).

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

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        """See :meth:`NoiseSource.step`."""
        return self._at(Stream.SAMPLER, _address(step, draw), shape)

    def _at(self, stream: Stream, step: int, shape: Sequence[int]) -> Tensor:
        noise = normal(self.seed, stream, self.indices, shape, step)
        return noise.to(self.device, self.dtype)


@dataclass(frozen=True)
class KeyedUniform:
    """Uniform numbers in [0, 1), float64, at the same addresses: the noise of tokens.

    Attributes:
        seed: In [0, 2**64).
        indices: Global index of each sample of the batch.
        device: Where the states live.
        block: Which part of a long text is being made, from 0; parts have noise of their own.
    """

    seed: int
    indices: Sequence[int]
    device: torch.device | str = "cpu"
    block: int = 0

    def prior(self, shape: Sequence[int]) -> Tensor:
        """See :meth:`NoiseSource.prior`."""
        at = _address(0, 0, self.block)
        return uniform(self.seed, Stream.PRIOR, self.indices, shape, at).to(self.device)

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        """See :meth:`NoiseSource.step`."""
        at = _address(step, draw, self.block)
        return uniform(self.seed, Stream.SAMPLER, self.indices, shape, at).to(self.device)


def _address(step: int, draw: int, block: int = 0) -> int:
    return step + draw * _DRAWS + block * _BLOCKS
