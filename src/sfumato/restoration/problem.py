"""A problem of restoration: a model, an observation, and how to sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.observation import Observation
from sfumato.sampling.noise import ParticleNoise
from sfumato.sampling.tiles import join_tiles, split_tiles

# Rows of a group in computations around the network, which are small.
ROWS = 16


@dataclass(frozen=True, eq=False)
class Tiling:
    """How rows are grouped in computations whose last bits depend on the size of a batch.

    Attributes:
        tile: Rows in a group.
        before: Place of the first row in its group.
    """

    tile: int
    before: int = 0

    def split(self, rows: Tensor) -> list[Tensor]:
        """The groups of a batch."""
        return split_tiles(rows, self.tile, self.before)

    def apply(self, functions: Iterable[Callable[[Tensor], Tensor]], rows: Tensor) -> Tensor:
        """Apply one function of batches to each group."""
        pairs = zip(self.split(rows), functions, strict=False)
        return join_tiles([function(part) for part, function in pairs], self.before, len(rows))


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that a method of restoration needs.

    Attributes:
        denoiser: Makes the denoiser, guided or not, for batches in which each sample has a number
            of consecutive rows.
        observation: What is known.
        covariance: The covariance of the data.
        indices: Global index of each sample of the batch.
        seed: Seed of all noise.
        shape: Shape of one sample, (C, *sides).
        times: Decreasing times, float64, from the first state to 0.
        cond: Conditions of the samples, each with a row per sample.
        start: Clean data that the first state is made of by adding noise, shape (1, *shape); None
            if ``times`` begin at 1, where nothing is left of them.
        device: Device of the states.
        dtype: Data type of the states.
    """

    denoiser: Callable[[int], Denoiser]
    observation: Observation
    covariance: Covariance
    indices: range
    seed: int
    shape: tuple[int, ...]
    times: Tensor
    cond: Conditions = field(default_factory=Conditions)
    start: Tensor | None = None
    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32

    def noise(self, particles: int = 1) -> ParticleNoise:
        """The noise of all particles."""
        return ParticleNoise(self.seed, self.indices, particles, self.device, self.dtype)

    def tiling(self, particles: int = 1) -> Tiling:
        """The groups of the rows of all particles."""
        return Tiling(ROWS, self.indices.start * particles % ROWS)

    def conditions(self, particles: int) -> Conditions:
        """The conditions of all particles."""
        return self.cond.map(lambda rows: rows.repeat_interleave(particles, 0))

    def first_state(self, denoiser: Denoiser, particles: int = 1) -> Tensor:
        """The states at ``times[0]``, shape (number of rows, *shape)."""
        noise = self.noise(particles).prior(self.shape)
        if self.start is None:
            return denoiser.process.prior(noise)
        x0 = self.start.to(noise).expand_as(noise)
        return denoiser.process.corrupt(x0, self.times[0], noise)
