"""How a variational bound comes from the nearly clean states it ends at to the data itself.

The states are ``y = x0 + s eps``, with ``s^2`` the inverse of the signal-to-noise ratio at the end.
What is left to tell is ``x0`` given ``y``, number by number, and its expected cost over the noise
is known in closed form or by quadrature: no network is asked and nothing is drawn.
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
# How far off its level a number may be, in distances between levels: what float32 leaves.
_OFF = 1e-3


class End(ABC):
    """The last part of a bound.

    Any end gives a valid bound. One nearer to the data asks the network about states with less
    noise, which pays where it knows more of them than that the data are near.
    """

    @property
    @abstractmethod
    def log_snr(self) -> float:
        """The log signal-to-noise ratio at which the states end."""

    @abstractmethod
    def nats(self, x0: Tensor) -> Tensor:
        """``E[-log p(x0 | y)]`` over the noise of the end.

        Args:
            x0: Clean data, shape (B, ...).

        Returns:
            float64, shape (B,), on the CPU.
        """


@dataclass(frozen=True)
class Levels(End):
    """Data that take evenly spaced levels on [-1, 1]: the bound is on the probability of them.

    A level is as probable as the noise between it and ``y`` is likely, with nothing else known:
    ``p(v | y) ~ exp(-(v - y)^2 / (2 s^2))``. Source: Kingma et al. 2021 (arXiv:2107.00630), section
    3.3, who learn where the end is.

    Attributes:
        count: How many levels, at least 2; 256 for 8-bit pixels.
        apart: Distance of neighbouring levels at the end, in units of the noise ``s``. With 2 the
            log signal-to-noise ratio at the end is 11.1 for 256 levels. A network that knows
            nothing of the levels needs about the same bits for any distance up to 2 and more
            beyond, 0.3 at 5; one that does know them gains. Digits under a network of three
            minutes need 2.56, 2.46, 2.59 and 3.01 bits a number with 1, 2, 3 and 5.

    Raises:
        ValueError: A number is out of range.
    """

    count: int = 256
    apart: float = 2.0

    def __post_init__(self) -> None:
        if self.count < 2 or not 0 < self.apart < math.inf:
            raise ValueError(f"there are no {self.count} levels {self.apart} apart")

    @property
    def log_snr(self) -> float:
        """See :attr:`End.log_snr`."""
        return 2 * math.log(self.apart * (self.count - 1) / 2)

    def nats(self, x0: Tensor) -> Tensor:
        """See :meth:`End.nats`.

        Raises:
            ValueError: A number is not on a level.
        """
        place = (x0.detach().to("cpu", torch.float64) + 1) * ((self.count - 1) / 2)
        level = place.round()
        if not ((place - level).abs() < _OFF).all() or level.min() < 0 or level.max() >= self.count:
            raise ValueError(f"the data are not on {self.count} levels from -1 to 1")
        return self.costs[level.long()].flatten(1).sum(1)

    @cached_property
    def costs(self) -> Tensor:
        """Nats that each level costs, float64, shape (count,)."""
        eps = torch.linspace(-_WIDEST, _WIDEST, _NODES, dtype=torch.float64)
        density = (-eps.square() / 2).softmax(0)
        # Levels that no noise comes near to are left out.
        reach = min(self.count - 1, math.ceil(2 * _WIDEST / self.apart))
        steps = torch.arange(-reach, reach + 1)
        levels = torch.arange(self.count)[:, None] + steps
        there = (levels >= 0) & (levels < self.count)
        log_likely = (eps[:, None].square() - (self.apart * steps - eps[:, None]).square()) / 2
        log_sum = log_likely.where(there[:, None], -math.inf).logsumexp(-1)
        return log_sum @ density


@dataclass(frozen=True)
class Density(End):
    """Data that are real numbers: the bound is on their differential entropy.

    What is left is told as ``p(x0 | y) = N(y, s^2)``. With the exact denoiser the whole bound is
    then ``E[-log p_s(x0 + s eps)]``, with ``p_s`` the density of data with that much noise: where
    the data themselves have no density, as constant ones have none, the figure is one of the noise
    level, and only differences of figures under the same end mean anything.

    Attributes:
        log_snr: Of the end; with 8 the noise is 0.018.
    """

    log_snr: float = 8.0

    def nats(self, x0: Tensor) -> Tensor:
        """See :meth:`End.nats`; the same for all data."""
        each = (math.log(2 * math.pi) + 1 - self.log_snr) / 2
        return torch.full((len(x0),), each * x0[0].numel(), dtype=torch.float64)
