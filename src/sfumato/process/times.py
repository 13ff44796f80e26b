"""Times: which are trained on, and which a sampler visits.

A training distribution is its quantile function, so that one stratified draw serves them all:
the batch covers the distribution evenly and the loss has low variance (Kingma et al. 2021,
arXiv:2107.00630, appendix I.1). A sampling grid is a decreasing list of times from 1 to 0.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from sfumato.process.keep import Keep
from sfumato.process.rng import Stream, uniform
from sfumato.process.schedule import Schedule

# Times this close to 0 or 1 carry no information that float32 states could hold.
_EDGE = 1e-5
# Steps of the grid that a part of one is read off.
_FINE = 1024


class TimeDistribution(BaseModel, ABC):
    """A distribution of training times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def quantile(self, u: Tensor, schedule: Schedule | Keep) -> Tensor:
        """The time below which a share ``u`` in (0, 1) of the training times lies."""

    def draw(
        self, schedule: Schedule | Keep, seed: int, step: int, slots: Sequence[int], batch: int
    ) -> Tensor:
        """Stratified times, a pure function of (seed, step, slot).

        Args:
            schedule: Needed by distributions that are stated in terms of noise levels.
            seed: The run's seed.
            step: The training step.
            slots: Places in the global batch, each in [0, batch).
            batch: Size of the global batch.

        Returns:
            float64 times of shape (len(slots),), strictly inside (0, 1).
        """
        offset = uniform(seed, Stream.TIME, [0], step=step)
        u = (offset + torch.as_tensor(list(slots), dtype=torch.float64) / batch) % 1.0
        t = self.quantile(u.clamp(1e-9, 1 - 1e-9), schedule)
        return schedule.inside(t) if isinstance(schedule, Keep) else t.clamp(_EDGE, 1 - _EDGE)


class UniformTimes(TimeDistribution):
    """Every time alike."""

    kind: Literal["uniform"] = "uniform"

    def quantile(self, u: Tensor, schedule: Schedule | Keep) -> Tensor:
        """``t = u``."""
        return u


class ClippedTimes(TimeDistribution):
    """Every time of a range alike: the easiest and the hardest states can be left out.

    Source: Arriola et al. 2025 (arXiv:2503.09573), section 5 (clipped schedules).
    """

    kind: Literal["clipped"] = "clipped"
    low: float = Field(0.0, ge=0, lt=1, description="least time trained on")
    high: float = Field(1.0, gt=0, le=1, description="greatest time trained on")

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low={self.low} is not below high={self.high}")
        return self

    def quantile(self, u: Tensor, schedule: Schedule | Keep) -> Tensor:
        """``low + (high - low) u``."""
        return self.low + (self.high - self.low) * u


class LogitNormal(TimeDistribution):
    """``logit(t)`` is normal: the middle of the path is visited most.

    Source: Esser et al. 2024 (arXiv:2403.03206), eq. 19.
    """

    kind: Literal["logit-normal"] = "logit-normal"
    mean: float = Field(0.0, description="above 0 = more noise")
    std: float = Field(1.0, gt=0)

    def quantile(self, u: Tensor, schedule: Schedule | Keep) -> Tensor:
        """``sigmoid(mean + std * probit(u))``."""
        return torch.sigmoid(self.mean + self.std * torch.special.ndtri(u))


class LogNormal(TimeDistribution):
    """The logarithm of the noise level ``sigma / alpha`` is normal.

    Source: Karras et al. 2022 (arXiv:2206.00364), table 1 (mean -1.2, std 1.2).
    """

    kind: Literal["log-normal"] = "log-normal"
    mean: float = Field(-1.2, description="mean of log(sigma / alpha)")
    std: float = Field(1.2, gt=0)

    def quantile(self, u: Tensor, schedule: Schedule | Keep) -> Tensor:
        """The time at which the noise level has this quantile."""
        if isinstance(schedule, Keep):
            raise TypeError("tokens have no noise level; draw their times otherwise")
        return schedule.time(-2 * (self.mean + self.std * torch.special.ndtri(u)))


AnyTimes = Annotated[UniformTimes | LogitNormal | LogNormal, Field(discriminator="kind")]
"""The closed registry of training-time distributions."""

AnyTokenTimes = Annotated[UniformTimes | ClippedTimes, Field(discriminator="kind")]
"""Those that tokens can be trained with."""


class Grid(BaseModel, ABC):
    """A rule that places the times of a sampler."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def interior(self, steps: int, schedule: Any) -> Tensor:
        """``steps`` decreasing times, float64; the first stands for 1 and none is 0."""

    def times(self, steps: int, schedule: Schedule | Keep, start: float = 1.0) -> Tensor:
        """``steps + 1`` decreasing times from exactly ``start`` to exactly 0.

        Args:
            steps: At least 1.
            schedule: Of the process.
            start: In (0, 1]. Below 1 the times are as dense as those of the whole grid there.

        Raises:
            ValueError: ``steps`` is below 1, or ``start`` is out of its range.
        """
        if steps < 1:
            raise ValueError(f"a grid has at least one step, not {steps}")
        if not 0 < start <= 1:
            raise ValueError(f"a grid starts in (0, 1], not at {start}")
        if start == 1:
            times = self.interior(steps, schedule)
            times[0] = 1.0
            return torch.cat([times, torch.zeros(1, dtype=torch.float64)])
        return self._lower_end(steps, schedule, start)

    def _lower_end(self, steps: int, schedule: Schedule | Keep, start: float) -> Tensor:
        """The part of the grid below ``start``, read off a fine one."""
        whole = self.times(_FINE, schedule).numpy()
        share = np.linspace(0.0, 1.0, _FINE + 1)
        begin = np.interp(start, whole[::-1], share[::-1])
        times = torch.from_numpy(np.interp(np.linspace(begin, 1.0, steps + 1), share, whole))
        times[0], times[-1] = start, 0.0
        return times


class UniformGrid(Grid):
    """Equal steps in ``t``."""

    kind: Literal["uniform"] = "uniform"

    def interior(self, steps: int, schedule: Schedule | Keep) -> Tensor:
        """``1, 1 - 1/steps, ..., 1/steps``."""
        return 1 - torch.arange(steps, dtype=torch.float64) / steps


class QuadraticGrid(Grid):
    """Steps in ``t`` that shrink towards the data. Source: Song et al. 2021 (arXiv:2010.02502)."""

    kind: Literal["quadratic"] = "quadratic"

    def interior(self, steps: int, schedule: Schedule | Keep) -> Tensor:
        """The squares of equal steps."""
        return (1 - torch.arange(steps, dtype=torch.float64) / steps).square()


class _NoiseLevelGrid(Grid):
    """Grids laid out in the noise level ``sigma / alpha``, between two bounds."""

    low: float = Field(0.002, gt=0, description="least noise level before the last step")
    high: float = Field(80.0, gt=0, description="noise level that stands for t = 1")

    def _bounds(self, schedule: Schedule) -> tuple[float, float]:
        one = torch.ones((), dtype=torch.float64)
        most = math.exp(min(-schedule.log_snr(one).item() / 2, math.log(self.high)))
        return min(self.low, most / 2), most


class LogSNRGrid(_NoiseLevelGrid):
    """Equal steps in log-SNR. Source: Lu et al. 2022 (arXiv:2206.00927)."""

    kind: Literal["log-snr"] = "log-snr"

    def interior(self, steps: int, schedule: Schedule) -> Tensor:
        """Geometric noise levels."""
        low, high = self._bounds(schedule)
        levels = torch.linspace(math.log(high), math.log(low), steps, dtype=torch.float64)
        return schedule.time(-2 * levels)


class EDMGrid(_NoiseLevelGrid):
    """Equal steps in ``(sigma / alpha)**(1 / rho)``.

    Source: Karras et al. 2022 (arXiv:2206.00364), eq. 5.
    """

    kind: Literal["edm"] = "edm"
    rho: float = Field(7.0, ge=1)

    def interior(self, steps: int, schedule: Schedule) -> Tensor:
        """Noise levels that crowd towards the data."""
        low, high = (bound ** (1 / self.rho) for bound in self._bounds(schedule))
        levels = torch.linspace(high, low, steps, dtype=torch.float64).pow(self.rho)
        return schedule.time(-2 * levels.log())


class AngleGrid(Grid):
    """Equal steps in the angle ``phi = atan((sigma / (alpha pivot))**power)``.

    Data with deviation ``pivot`` makes a quarter turn from ``phi = 0`` (clean) to ``pi / 2``
    (noise), and with ``power = 1`` what is known of it is the cosine of that turn. Real data has
    many deviations, in pictures from texture's up to the whole frame's brightness: a power below
    1 gives each its share of the turn. Unlike log-SNR the angle is finite at both ends, so no
    noise level has to stand in for them.
    """

    kind: Literal["angle"] = "angle"
    pivot: float = Field(default=1.0, gt=0, description="noise level half-way through the turn")
    power: float = Field(
        default=0.7, gt=0, le=1, description="below 1 = more steps at the highest and lowest noise"
    )

    def interior(self, steps: int, schedule: Schedule) -> Tensor:
        """``phi_max k / steps`` for ``k = steps, ..., 1``."""
        alpha, sigma = schedule.coefficients(torch.ones((), dtype=torch.float64))
        widest = torch.atan2(sigma.pow(self.power), (alpha * self.pivot).pow(self.power))
        share = 1 - torch.arange(steps, dtype=torch.float64) / steps
        levels = self.pivot * torch.tan(widest * share).pow(1 / self.power)
        return schedule.time(-2 * levels.log())


AnyGrid = Annotated[
    UniformGrid | QuadraticGrid | LogSNRGrid | EDMGrid | AngleGrid, Field(discriminator="kind")
]
"""The closed registry of sampling grids."""

AnyTokenGrid = Annotated[UniformGrid | QuadraticGrid, Field(discriminator="kind")]
"""Those that tokens can be sampled on."""
