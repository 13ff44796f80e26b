"""Keep rules: the probability that a token is unchanged at each time.

A categorical process has one number per time, ``keep(t)``: 1 where clean, 0 where nothing of the
data is left, falling in between. It is to tokens what a schedule is to images. Every rule here
reaches both ends exactly, and has an inverse and a rate.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from sfumato.registry import Part, Registry

# At the ends there is nothing to learn, and the bound divides by the lost and by the kept share. A
# margin in time would not do: a rule may lose a tenth of all tokens within it.
_EDGE = 1e-9


class Keep(Part):
    """Base of all rules.

    All methods take and return float64 tensors of any shape, elementwise.
    """

    @abstractmethod
    def keep(self, t: Tensor) -> Tensor:
        """Probability that a token is unchanged at ``t`` in [0, 1]: 1 at 0, 0 at 1."""

    @abstractmethod
    def time(self, keep: Tensor) -> Tensor:
        """The time in [0, 1] at which ``keep`` is reached: the inverse of :meth:`keep`."""

    @abstractmethod
    def rate(self, t: Tensor) -> Tensor:
        """The rate at which tokens are lost, ``-d keep / dt``, not negative."""

    def inside(self, t: Tensor) -> Tensor:
        """``t`` limited to where at least one token in a thousand million is lost and is left."""
        ends = self.time(torch.tensor([1 - _EDGE, _EDGE], dtype=torch.float64))
        return t.clamp(*ends.tolist())


class LinearKeep(Keep):
    """``keep = 1 - t``: tokens are lost at a constant rate.

    Source: Sahoo et al. 2024 (arXiv:2406.07524), the log-linear schedule; Shi et al. 2024
    (arXiv:2406.04329).
    """

    kind: Literal["linear"] = "linear"

    def keep(self, t: Tensor) -> Tensor:
        """``1 - t``."""
        return 1 - t

    def time(self, keep: Tensor) -> Tensor:
        """``1 - keep``."""
        return 1 - keep

    def rate(self, t: Tensor) -> Tensor:
        """1 everywhere."""
        return torch.ones_like(t)


class CosineKeep(Keep):
    """``keep = 1 - sin(pi t / 2)``: little is kept late, so that few tokens are drawn first.

    Source: Chang et al. 2022 (arXiv:2202.04200), section 3.3, read from noise to data; Shi et al.
    2024 (arXiv:2406.04329).
    """

    kind: Literal["cosine"] = "cosine"

    def keep(self, t: Tensor) -> Tensor:
        """``cos^2 / (1 + sin)``, which is ``1 - sin`` without its cancellation near ``t = 1``."""
        turn = math.pi / 2
        return torch.sin(turn * (1 - t)).square() / (1 + torch.sin(turn * t))

    def time(self, keep: Tensor) -> Tensor:
        """The angle whose sine is ``1 - keep``, by ``atan2``, which is accurate at both ends."""
        angle = torch.atan2(1 - keep, torch.sqrt(keep * (2 - keep)))
        return angle * (2 / math.pi)

    def rate(self, t: Tensor) -> Tensor:
        """``pi / 2 cos(pi t / 2)``, written as a sine so that it is exactly 0 at ``t = 1``."""
        return math.pi / 2 * torch.sin(math.pi / 2 * (1 - t))


class PowerKeep(Keep):
    """``keep = 1 - t**power``: a power above 1 loses tokens late, one below 1 early.

    Source: Shi et al. 2024 (arXiv:2406.04329).
    """

    kind: Literal["power"] = "power"
    power: float = Field(2.0, gt=0, description="above 1 = more is kept at the same time")

    def keep(self, t: Tensor) -> Tensor:
        """``1 - t**power``."""
        return 1 - t.pow(self.power)

    def time(self, keep: Tensor) -> Tensor:
        """``t**power = 1 - keep`` solved for ``t``."""
        return (1 - keep).pow(1 / self.power)

    def rate(self, t: Tensor) -> Tensor:
        """``power * t**(power - 1)``; infinite at ``t = 0`` where the power is below 1."""
        return self.power * t.pow(self.power - 1)


KEEPS: Registry[Keep] = Registry("keep rule", Keep, (LinearKeep, CosineKeep, PowerKeep))
"""The rules by their ``kind``."""

AnyKeep = Annotated[Keep, KEEPS]
"""Any rule with its settings, as read from a spec."""
