"""Grids: the times that a sampler visits, a decreasing list from 1 to 0."""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.process.keep import Keep
from sfumato.process.schedule import Schedule
from sfumato.registry import Part, Registry

# Steps of the fine grid from which a part of a grid is interpolated.
_FINE = 1024
# Defaults of AngleGrid, chosen on mixtures of 1 to 256 dimensions: see
# benchmarks/sampler_accuracy.md.
_PIVOT, _GROWTH, _POWER, _SHRINKAGE, _LEAD = 0.45, 0.17, 0.66, 0.03, 0.5


class Grid(Part):
    """A rule that places the times of a sampler."""

    for_tokens: ClassVar[bool] = False
    """Whether it can be used for tokens too; a grid of noise levels is for numbers only."""

    @abstractmethod
    def interior(self, steps: int, schedule: Any, size: int) -> Tensor:
        """``steps`` decreasing times, float64; the first is replaced by 1, and none is 0."""

    def times(self, steps: int, schedule: Schedule | Keep, size: int, start: float = 1.0) -> Tensor:
        """``steps + 1`` decreasing times from exactly ``start`` to exactly 0.

        Args:
            steps: Number of steps, at least 1.
            schedule: Schedule of the process.
            size: Number of numbers, or tokens, in a sample.
            start: First time, in (0, 1]. Below 1 the times have the density of the whole grid
                there.

        Raises:
            ValueError: ``steps`` is below 1, or ``start`` is out of its range.
        """
        if steps < 1:
            raise ValueError(f"a grid has at least one step, not {steps}")
        if not 0 < start <= 1:
            raise ValueError(f"a grid starts in (0, 1], not at {start}")
        if start == 1:
            times = self.interior(steps, schedule, size)
            times[0] = 1.0
            return torch.cat([times, torch.zeros(1, dtype=torch.float64)])
        return self._lower_end(steps, schedule, size, start)

    def _lower_end(self, steps: int, schedule: Schedule | Keep, size: int, start: float) -> Tensor:
        """The part of the grid below ``start``, interpolated from a fine grid."""
        fine = self.times(_FINE, schedule, size).numpy()
        share = np.linspace(0.0, 1.0, _FINE + 1)
        begin = np.interp(start, fine[::-1], share[::-1])
        times = torch.from_numpy(np.interp(np.linspace(begin, 1.0, steps + 1), share, fine))
        times[0], times[-1] = start, 0.0
        return times


class UniformGrid(Grid):
    """Equal steps in ``t``."""

    for_tokens: ClassVar[bool] = True

    kind: Literal["uniform"] = "uniform"

    def interior(self, steps: int, schedule: Schedule | Keep, size: int) -> Tensor:
        """``1, 1 - 1/steps, ..., 1/steps``."""
        return 1 - torch.arange(steps, dtype=torch.float64) / steps


class QuadraticGrid(Grid):
    """Steps in ``t`` that shrink towards the data. Source: Song et al. 2021 (arXiv:2010.02502)."""

    for_tokens: ClassVar[bool] = True

    kind: Literal["quadratic"] = "quadratic"

    def interior(self, steps: int, schedule: Schedule | Keep, size: int) -> Tensor:
        """The squares of equal steps."""
        return (1 - torch.arange(steps, dtype=torch.float64) / steps).square()


class _NoiseLevelGrid(Grid):
    """Grids in the noise level ``sigma / alpha``, between two bounds."""

    low: float = Field(0.002, gt=0, description="least noise level before the last step")
    high: float = Field(80.0, gt=0, description="noise level that stands for t = 1")

    def _bounds(self, schedule: Schedule) -> tuple[float, float]:
        one = torch.ones((), dtype=torch.float64)
        most = math.exp(min(-schedule.log_snr(one).item() / 2, math.log(self.high)))
        return min(self.low, most / 2), most


class LogSNRGrid(_NoiseLevelGrid):
    """Equal steps in log-SNR. Source: Lu et al. 2022 (arXiv:2206.00927)."""

    kind: Literal["log-snr"] = "log-snr"

    def interior(self, steps: int, schedule: Schedule, size: int) -> Tensor:
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

    def interior(self, steps: int, schedule: Schedule, size: int) -> Tensor:
        """Noise levels that crowd towards the data."""
        low, high = (bound ** (1 / self.rho) for bound in self._bounds(schedule))
        levels = torch.linspace(high, low, steps, dtype=torch.float64).pow(self.rho)
        return schedule.time(-2 * levels.log())


class AngleGrid(Grid):
    """Equal steps in the angle ``phi = atan((sigma / (alpha pivot))**power)``.

    The angle goes from ``phi = 0`` (clean) to ``pi / 2`` (noise), and for normal data with
    deviation ``pivot`` and ``power = 1`` the posterior mean is proportional to its cosine. Real
    data have many deviations, in images from that of textures to that of the brightness of the
    whole image: a power below 1 widens the range of noise levels. Unlike log-SNR the angle is
    finite at both ends, so no bounds are needed.

    By default both follow the size of a sample: the noise at which the whole sample becomes visible
    grows with its size, and the noise that hides its details does not, so the middle of the range
    moves to more noise and its ends move apart. At the very beginning there is hardly any
    information, so the first step is longer.
    """

    kind: Literal["angle"] = "angle"
    pivot: float | None = Field(
        default=None, gt=0, description="noise level of the middle angle; None = by the size"
    )
    power: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="below 1 = more steps at the highest and lowest noise; None = by the size",
    )
    lead: float = Field(
        default=0.0, ge=0, description="excess length of the first step, in units of the others"
    )

    def interior(self, steps: int, schedule: Schedule, size: int) -> Tensor:
        """``phi_max k / (steps + lead)`` for ``k = steps, ..., 1``."""
        pivot = _PIVOT * size**_GROWTH if self.pivot is None else self.pivot
        power = _POWER * size**-_SHRINKAGE if self.power is None else self.power
        alpha, sigma = schedule.coefficients(torch.ones((), dtype=torch.float64))
        widest = torch.atan2(sigma.pow(power), (alpha * pivot).pow(power))
        share = torch.arange(steps, 0, -1, dtype=torch.float64) / (steps + self.lead)
        levels = pivot * torch.tan(widest * share).pow(1 / power)
        return schedule.time(-2 * levels.log())


class TimeGrid(Grid):
    """Explicit times, fitted to a model: see ``sfumato tune``."""

    for_tokens: ClassVar[bool] = True

    kind: Literal["times"] = "times"
    at: tuple[float, ...] = Field(description="the times between 1 and 0, falling")

    @field_validator("at")
    @classmethod
    def _fall(cls, at: tuple[float, ...]) -> tuple[float, ...]:
        if not all(a > b for a, b in pairwise((1.0, *at, 0.0))):
            raise ValueError("times have to fall and to lie strictly between 1 and 0")
        return at

    def interior(self, steps: int, schedule: Schedule | Keep, size: int) -> Tensor:
        """The times.

        Raises:
            SettingError: The number of times does not fit the steps.
        """
        if steps != len(self.at) + 1:
            raise SettingError(
                f"This sampler was tuned for {len(self.at) + 1} steps, not {steps}.",
                hint=f"use {len(self.at) + 1} steps, or another sampler",
            )
        return torch.tensor((1.0, *self.at), dtype=torch.float64)

    def _lower_end(self, steps: int, schedule: Schedule | Keep, size: int, start: float) -> Tensor:
        """Not supported, as the times are those of the whole path.

        Raises:
            SettingError: Always.
        """
        raise SettingError(
            "A tuned sampler can only start from noise.", hint="choose another with --sampler"
        )


GRIDS: Registry[Grid] = Registry(
    "grid", Grid, (UniformGrid, QuadraticGrid, LogSNRGrid, EDMGrid, AngleGrid, TimeGrid)
)
"""The grids by their ``kind``."""

AnyGrid = Annotated[Grid, GRIDS]
"""Any grid with its settings, as read from a spec."""

AnyTokenGrid = Annotated[Grid, GRIDS.only(lambda kind: kind.for_tokens)]
"""Any grid that tokens can be sampled on."""

DEFAULT_GRID = AngleGrid(lead=_LEAD)
"""The default grid of samplers of Gaussian processes."""
