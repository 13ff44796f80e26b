"""Rules: how a guided posterior is made from two, one to move towards and one to move away from.

Each is stated in terms of posterior means, whatever its source uses. All treat each sample by
itself, so that a sample does not depend on its batch.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from sfumato.process.categorical import CategoricalProcess
from sfumato.process.gaussian import Gaussian, spread
from sfumato.registry import Part, Registry


@dataclass(frozen=True)
class Pair:
    """The two posteriors that a rule combines, and where they were taken.

    Attributes:
        towards: Parameter of the posterior to go towards, shape (B, ...).
        away: Parameter of the posterior to go away from, same shape.
        x_t: States, shape (B, ...).
        t: Times, float64, shape (B,).
        process: The process.
    """

    towards: Tensor
    away: Tensor
    x_t: Tensor
    t: Tensor
    process: Gaussian | CategoricalProcess


class Rule(Part):
    """Base of all rules."""

    model_config = ConfigDict(allow_inf_nan=False)

    summary: ClassVar[str] = ""
    """One line for lists and ``--help``."""
    for_tokens: ClassVar[bool] = False
    """Whether it can be used on logits too."""

    @abstractmethod
    def combine(self, pair: Pair, scale: float) -> Tensor:
        """The guided parameter; with ``scale = 1`` it is ``pair.towards``."""

    def idles(self, t: Tensor) -> Tensor:
        """Times at which the state stays as it is, without a call; bool, shaped like ``t``."""
        return torch.zeros_like(t, dtype=torch.bool)


class Line(Rule):
    """``away + scale (towards - away)``: the line through the two.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), eq. 6, on posterior means, with scale ``1 + w``;
    on logits Nisonoff et al. 2024 (arXiv:2406.01572).
    """

    summary: ClassVar[str] = "the line through both posteriors"
    for_tokens: ClassVar[bool] = True

    kind: Literal["line"] = "line"

    def combine(self, pair: Pair, scale: float) -> Tensor:
        """See the class."""
        return pair.away + scale * (pair.towards - pair.away)


class Rescaled(Rule):
    """The line, rescaled towards the standard deviation that the mean has without guidance.

    Guidance makes contrasts too strong; this rule takes a share of the excess back. Source: Lin et
    al. 2023 (arXiv:2305.08891), eq. 14 to 16.
    """

    summary: ClassVar[str] = "the line, its contrast brought back in part"

    kind: Literal["rescaled"] = "rescaled"
    share: float = Field(default=0.7, ge=0, le=1, description="share of the excess that is undone")

    def combine(self, pair: Pair, scale: float) -> Tensor:
        """See the class."""
        guided = Line().combine(pair, scale)
        ratio = _deviation(pair.towards) / _deviation(guided).clamp_min(1e-12)
        return guided * (1 + self.share * (ratio - 1))


class Projected(Rule):
    """The line without the part that only makes the posterior mean larger.

    The difference of the two means is split into a part parallel to the mean and one orthogonal to
    it, and the parallel part, which saturates, is weakened. Source: Sadat et al. 2024
    (arXiv:2410.02416), eq. 7 to 9, APG without its momentum, which would give the denoiser a memory
    and make its results depend on the sampler.
    """

    summary: ClassVar[str] = "APG: the line without what only makes contrasts stronger"

    kind: Literal["apg"] = "apg"
    along: float = Field(default=0.0, ge=0, le=1, description="share of the parallel part, eta")
    most: float | None = Field(
        default=None, gt=0, description="greatest root mean square of the difference; None = any"
    )

    def combine(self, pair: Pair, scale: float) -> Tensor:
        """See the class."""
        apart = pair.towards - pair.away
        if self.most is not None:
            size = apart.flatten(1).double().square().mean(1).sqrt()
            apart = apart * spread((self.most / size.clamp_min(1e-30)).clamp_max(1), apart)
        parallel = _projection(apart, pair.towards)
        return pair.towards + (scale - 1) * (apart - (1 - self.along) * parallel)


class ZeroStar(Rule):
    """The line between velocities, from the multiple of the second that is nearest to the first.

    At the beginning the state can be left as it is, because the velocities of a model that was
    trained for a short time are worse there than none. Source: Fan et al. 2025 (arXiv:2503.18886),
    eq. 8 and algorithm 1, CFG-Zero*; here on the straight path, which every Gaussian process is
    after a change of scale.
    """

    summary: ClassVar[str] = "CFG-Zero*: the line between velocities of matched size"

    kind: Literal["cfg-zero"] = "cfg-zero"
    idle: float = Field(
        default=0.0, ge=0, lt=1, description="share of the time, from noise, to stand still in"
    )

    def combine(self, pair: Pair, scale: float) -> Tensor:
        """See the class."""
        z = straight(pair)
        towards, away = z - pair.towards, z - pair.away  # Velocities, times tau.
        nearest = _inner(towards, away) / _inner(away, away).clamp_min(1e-30)
        away = spread(nearest, away) * away
        return z - (away + scale * (towards - away))

    def idles(self, t: Tensor) -> Tensor:
        """The first part of the time."""
        return t > 1 - self.idle


def straight(pair: Pair) -> Tensor:
    """The states on the straight path, ``x_t / (alpha + sigma)``, shape (B, ...)."""
    if not isinstance(pair.process, Gaussian):
        raise TypeError("a process on tokens has no straight path")
    alpha, sigma = pair.process.schedule.coefficients(pair.t)
    return pair.x_t / spread(alpha + sigma, pair.x_t)


RULES: Registry[Rule] = Registry("guidance rule", Rule, (Line, Rescaled, Projected, ZeroStar))
"""The rules by their ``kind``; each class has a ``summary`` of one line."""

AnyRule = Annotated[Rule, RULES]
"""Any rule with its settings, as read from a spec."""


def _deviation(x: Tensor) -> Tensor:
    """Standard deviation over a sample's numbers, with as many axes as ``x``."""
    return spread(x.flatten(1).double().std(1, correction=0), x)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of samples, float64, shape (B,)."""
    return (a.double() * b.double()).flatten(1).sum(1)


def _projection(x: Tensor, on: Tensor) -> Tensor:
    """The part of each sample of ``x`` along the one of ``on``."""
    return spread(_inner(x, on) / _inner(on, on).clamp_min(1e-30), on) * on
