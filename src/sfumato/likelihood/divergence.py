"""Divergences of a posterior mean: the trace of its Jacobian, from products with probes.

    div D = E[v . J v],        J = dD / dy,  E[v v^T] = I

Every product is one backward pass, ``v^T J``, so any denoiser that autograd can follow will do.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.process.rng import Stream, uniform

# Addresses below belong to the noise of the states.
_FIRST_STEP = 2


class Divergence(ABC):
    """Which probes stand for all directions; the divergence is the mean over them."""

    @abstractmethod
    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """The probes of some items, float32, shape (P, B, *shape).

        Args:
            shape: Of one item.
            seed: Of what is drawn.
            indices: Global indices of the items; what item ``i`` gets depends on (seed, i) alone.
        """

    @abstractmethod
    def error(self, estimates: Tensor) -> Tensor:
        """Standard error of the mean of what each probe gave.

        Args:
            estimates: Shape (P, B).

        Returns:
            Shape (B,); NaN where it is unknown.
        """


@dataclass(frozen=True)
class Exact(Divergence):
    """A probe along every axis: nothing is drawn, and an item of D numbers takes D passes."""

    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """The axes, as long as the root of D so that the mean is the sum of their products."""
        dimensions = math.prod(shape)
        axes = math.sqrt(dimensions) * torch.eye(dimensions)
        return axes.view(-1, 1, *shape).expand(-1, len(indices), *shape)

    def error(self, estimates: Tensor) -> Tensor:
        """None."""
        return torch.zeros_like(estimates[0])


@dataclass(frozen=True)
class Hutchinson(Divergence):
    """Random signs, which of all independent numbers have the least variance.

    Source: Hutchinson 1989, "A stochastic estimator of the trace of the influence matrix"; for
    flows Grathwohl et al. 2019 (arXiv:1810.01367), section 3.1, who keep a probe all the way too.

    Attributes:
        count: Of probes for each item, at least 1.

    Raises:
        ValueError: It is below 1.
    """

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"there are no {self.count} probes")

    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """Signs, each with an address."""
        steps = range(_FIRST_STEP, _FIRST_STEP + self.count)
        drawn = [uniform(seed, Stream.LIKELIHOOD, indices, shape, step) for step in steps]
        return torch.where(torch.stack(drawn) < 0.5, -1.0, 1.0)

    def error(self, estimates: Tensor) -> Tensor:
        """From how far the probes differ; unknown of a single one."""
        if len(estimates) < 2:
            return torch.full_like(estimates[0], math.nan)
        return estimates.std(0) / math.sqrt(len(estimates))


EXACT_UP_TO = 32
"""Up to so many numbers an item's divergence is exact unless probes are asked for."""


def suited(dimensions: int, probes: int | None = None) -> Divergence:
    """Random probes if so many are asked for, or if an exact divergence would be dear."""
    if probes is not None:
        return Hutchinson(probes)
    return Exact() if dimensions <= EXACT_UP_TO else Hutchinson()
