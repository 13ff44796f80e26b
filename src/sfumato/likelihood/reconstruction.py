"""The reconstruction term of a likelihood: the data given the nearly clean state of its last step.

The states are ``y = x0 + s eps``, with ``s^2`` the inverse of the signal-to-noise ratio at the last
step. The model ``p(x0 | y)`` is independent for each number, and its expected cost over the noise
is known in closed form or by quadrature, without a network and without random draws.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# The trapezoid rule on normal noise: its error falls geometrically, and is rounding here.
_WIDEST = 9.0
_NODES = 129
# The tolerance of float32 data around a level, in distances between levels.
_TOLERANCE = 1e-3


class Reconstruction(ABC):
    """The model of the data given a nearly clean state, which ends a bound.

    Any reconstruction gives a valid bound. One at a higher signal-to-noise ratio evaluates the
    network on states with less noise, which pays off where the network knows more about them than
    that the data are near.
    """

    @property
    @abstractmethod
    def log_snr(self) -> float:
        """The log signal-to-noise ratio of the nearly clean state."""

    @abstractmethod
    def nats(self, x0: Tensor) -> Tensor:
        """``E[-log p(x0 | y)]`` over the noise of the state.

        Args:
            x0: Clean data, shape (B, ...).

        Returns:
            float64, shape (B,), on the CPU.
        """


@dataclass(frozen=True)
class DiscreteReconstruction(Reconstruction):
    """Data on evenly spaced levels on [-1, 1]: the bound is on their probability.

    The probability of a level is proportional to the density of the noise between it and ``y``,
    ``p(v | y) ~ exp(-(v - y)^2 / (2 s^2))``. Source: Kingma et al. 2021 (arXiv:2107.00630), section
    3.3, who learn the noise level of the last step.

    Attributes:
        count: The number of levels, at least 2; 256 for 8-bit pixels.
        spacing: The distance of neighbouring levels in units of the noise ``s``. With 2 the log
            signal-to-noise ratio of the state is 11.1 for 256 levels. A network that does not know
            the levels needs about the same bits for any spacing up to 2 and more beyond, 0.3 at 5;
            one that knows them gains. Digits under a network trained for three minutes need 2.56,
            2.46, 2.59 and 3.01 bits a number with 1, 2, 3 and 5.

    Raises:
        ValueError: A number is out of range.
    """

    count: int = 256
    spacing: float = 2.0

    def __post_init__(self) -> None:
        if self.count < 2 or not 0 < self.spacing < math.inf:
            raise ValueError(f"there are no {self.count} levels with spacing {self.spacing}")

    @property
    def log_snr(self) -> float:
        """See :attr:`Reconstruction.log_snr`."""
        return 2 * math.log(self.spacing * (self.count - 1) / 2)

    def nats(self, x0: Tensor) -> Tensor:
        """See :meth:`Reconstruction.nats`.

        Raises:
            ValueError: A number is not on a level.
        """
        place = (x0.detach().to("cpu", torch.float64) + 1) * ((self.count - 1) / 2)
        level = place.round()
        if (
            not ((place - level).abs() < _TOLERANCE).all()
            or level.min() < 0
            or level.max() >= self.count
        ):
            raise ValueError(f"the data are not on {self.count} levels from -1 to 1")
        return self.costs[level.long()].flatten(1).sum(1)

    @cached_property
    def costs(self) -> Tensor:
        """The cost of each level in nats, float64, shape (count,)."""
        eps = torch.linspace(-_WIDEST, _WIDEST, _NODES, dtype=torch.float64)
        density = (-eps.square() / 2).softmax(0)
        # Levels that are out of reach of the noise are left out.
        reach = min(self.count - 1, math.ceil(2 * _WIDEST / self.spacing))
        steps = torch.arange(-reach, reach + 1)
        levels = torch.arange(self.count)[:, None] + steps
        exists = (levels >= 0) & (levels < self.count)
        log_likely = (eps[:, None].square() - (self.spacing * steps - eps[:, None]).square()) / 2
        log_sum = log_likely.where(exists[:, None], -math.inf).logsumexp(-1)
        return log_sum @ density


@dataclass(frozen=True)
class GaussianReconstruction(Reconstruction):
    """Data that are real numbers: the bound is on their differential entropy.

    The model is ``p(x0 | y) = N(y, s^2)``. With the exact denoiser the whole bound is then
    ``E[-log p_s(x0 + s eps)]``, with ``p_s`` the density of data with that much noise: where the
    data themselves have no density, as constant ones have none, the figure depends on the noise
    level, and only differences of figures under the same reconstruction mean anything.

    Attributes:
        log_snr: The log signal-to-noise ratio of the state; with 8 the noise is 0.018.
    """

    log_snr: float = 8.0

    def nats(self, x0: Tensor) -> Tensor:
        """See :meth:`Reconstruction.nats`; the same for all data."""
        each = (math.log(2 * math.pi) + 1 - self.log_snr) / 2
        return torch.full((len(x0),), each * x0[0].numel(), dtype=torch.float64)
