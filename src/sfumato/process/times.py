"""Times that are trained on.

A training distribution is its quantile function, so that one stratified draw serves them all:
the batch covers the distribution evenly and the loss has low variance (Kingma et al. 2021,
arXiv:2107.00630, appendix I.1).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from sfumato.process.keep import Keep
from sfumato.process.rng import Stream, uniform
from sfumato.process.schedule import Schedule
from sfumato.registry import Part, Registry

# Times this close to 0 or 1 carry no information that float32 states could hold.
_EDGE = 1e-5


class TimeDistribution(Part):
    """A distribution of training times."""

    for_numbers: ClassVar[bool] = True
    """Whether Gaussian processes can be trained with it."""
    for_tokens: ClassVar[bool] = False
    """Whether processes on tokens can."""

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

    for_tokens: ClassVar[bool] = True

    kind: Literal["uniform"] = "uniform"

    def quantile(self, u: Tensor, schedule: Schedule | Keep) -> Tensor:
        """``t = u``."""
        return u


class ClippedTimes(TimeDistribution):
    """Every time of a range alike: the easiest and the hardest states can be left out.

    Source: Arriola et al. 2025 (arXiv:2503.09573), section 5 (clipped schedules).
    """

    for_numbers: ClassVar[bool] = False
    for_tokens: ClassVar[bool] = True

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


TIMES: Registry[TimeDistribution] = Registry(
    "distribution of times", TimeDistribution, (UniformTimes, ClippedTimes, LogitNormal, LogNormal)
)
"""The distributions of training times by their ``kind``."""

AnyTimes = Annotated[TimeDistribution, TIMES.only(lambda kind: kind.for_numbers)]
"""Any distribution that numbers can be trained with, with its settings, as read from a spec."""

AnyTokenTimes = Annotated[TimeDistribution, TIMES.only(lambda kind: kind.for_tokens)]
"""The same for tokens."""
