"""What a sampler is: the rule for one step, and nothing else.

The loop owns the grid, the noise, the count of evaluations and the history; a sampler is frozen
and stateless, so it is also its own JSON spec.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from sfumato.process.gaussian import Gaussian
from sfumato.process.times import AngleGrid, AnyGrid


@dataclass(frozen=True)
class Evaluation:
    """A state of the past and what the denoiser said of it.

    Attributes:
        t: Time, float64, shape ().
        x_t: State, shape (B, ...), as corrected by the sampler if it corrects.
        mean: ``E[x0 | x_t]``, same shape.
    """

    t: Tensor
    x_t: Tensor
    mean: Tensor


@dataclass(frozen=True)
class Context:
    """What the loop offers a sampler during one step.

    Attributes:
        process: The process being reversed.
        denoise: ``denoise(x_t, t) -> mean``; each call is one evaluation, and is counted.
        noise: ``noise()``, standard normal shaped like the state; one draw a step.
        history: Where a sampler with ``memory`` leaves its evaluations, newest first; the loop
            keeps the latest ``memory`` of them.
        cost: Evaluations this step has to make.
        step: Number of this step, from 0.
        steps: Number of steps of the whole grid.
    """

    process: Gaussian
    denoise: Callable[[Tensor, Tensor], Tensor]
    noise: Callable[[], Tensor]
    history: deque[Evaluation]
    cost: int
    step: int
    steps: int


class Sampler(BaseModel, ABC):
    """Base of all samplers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: ClassVar[str]
    """One line for lists and ``--help``."""

    grid: AnyGrid = AngleGrid()

    @abstractmethod
    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        """The state at ``s`` reached from ``x_t`` at ``t``.

        Args:
            x_t: Shape (B, ...).
            t: Time in (0, 1], float64, shape ().
            s: Earlier time in [0, t), float64, shape ().
            context: Evaluations, noise and history.

        Returns:
            Shaped like ``x_t``; at ``s = 0`` a posterior mean, with no noise left.
        """

    @property
    def memory(self) -> int:
        """How many earlier evaluations a step looks back at."""
        return 0

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """How many evaluations each step makes; they add up to ``evaluations``, at least 1."""
        return (1,) * evaluations
