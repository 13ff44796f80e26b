"""Sources of a sampler's noise, which is addressed and not a stream.

Sample ``i`` of seed ``s`` gets the same prior and the same noise at step ``k`` in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sfumato.process.rng import Stream, normal, uniform

# Above all numbers of steps, so that further draws and blocks have addresses of their own.
_DRAWS = 2**32
_BLOCKS = 2**40


class NoiseSource(Protocol):
    """The noise of a process for a batch; it determines the device and the size of the batch."""

    def prior(self, shape: Sequence[int]) -> Tensor:
        """Noise of shape (B, *shape) from which the process makes the state at ``t = 1``."""

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        """Noise of shape (B, *shape) for step ``step`` of the grid, counted from 0.

        A step that needs several draws numbers them by ``draw``.
        """


@dataclass(frozen=True)
class KeyedNoise:
    """Standard normal noise as a pure function of (seed, sample index, step).

    Attributes:
        seed: In [0, 2**64).
        indices: Global index of each sample of the batch.
        device: Device of the states.
        dtype: Data type of the states.
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
class ParticleNoise:
    """Standard normal noise for several particles of each sample.

    It is a pure function of (seed, sample index, particle, step). Row ``i * particles + p`` is
    particle ``p`` of the ``i``-th sample; particle 0 has the noise of :class:`KeyedNoise`.

    Attributes:
        seed: In [0, 2**64).
        indices: Global index of each sample of the batch.
        particles: Number of particles of a sample, at least 1.
        device: Device of the states.
        dtype: Data type of the states.
    """

    seed: int
    indices: Sequence[int]
    particles: int
    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32

    def prior(self, shape: Sequence[int]) -> Tensor:
        """See :meth:`NoiseSource.prior`."""
        return self._at(Stream.PRIOR, 0, 0, shape)

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        """See :meth:`NoiseSource.step`."""
        return self._at(Stream.SAMPLER, step, draw, shape)

    def uniform(self, step: int) -> Tensor:
        """A uniform number in [0, 1) for each sample, float64, shape (number of samples,)."""
        return uniform(self.seed, Stream.RESAMPLING, self.indices, (), step).to(self.device)

    def _at(self, stream: Stream, step: int, draw: int, shape: Sequence[int]) -> Tensor:
        of_particles = [
            normal(self.seed, stream, self.indices, shape, _address(step, draw, particle))
            for particle in range(self.particles)
        ]
        return torch.stack(of_particles, 1).flatten(0, 1).to(self.device, self.dtype)


@dataclass(frozen=True)
class KeyedUniform:
    """Uniform float64 noise in [0, 1) at the same addresses, for tokens.

    Attributes:
        seed: In [0, 2**64).
        indices: Global index of each sample of the batch.
        device: Device of the states.
        block: Number of the window of a long text, from 0; windows have independent noise.
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
