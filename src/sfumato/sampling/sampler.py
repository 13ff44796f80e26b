"""The base of all samplers: a sampler is the rule for one step.

The loop owns the noise, the history and the count of evaluations; a sampler is frozen and
stateless, so it is also its own JSON spec.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol

from torch import Tensor

from sfumato.denoiser import ProcessT
from sfumato.process.grids import DEFAULT_GRID, AnyGrid
from sfumato.registry import Part


@dataclass(frozen=True)
class Evaluation:
    """An earlier state, and the prediction of the denoiser for it.

    Attributes:
        t: Time, float64, shape ().
        x_t: State, shape (B, ...), after the correction if the sampler has one.
        mean: ``E[x0 | x_t]``, same shape.
    """

    t: Tensor
    x_t: Tensor
    mean: Tensor


class Draw(Protocol):
    """Noise shaped like the state: normal for a Gaussian process, uniform float64 for tokens."""

    def __call__(self, *, draw: int = 0) -> Tensor:
        """The noise of this step; different ``draw`` are independent."""


class Denoise(Protocol):
    """One evaluation of the denoiser."""

    def __call__(self, x_t: Tensor, t: Tensor, /) -> Tensor:
        """The posterior's parameter: the mean, or the logits of tokens; shape (B, ...)."""


@dataclass(frozen=True)
class Context(Generic[ProcessT]):
    """The inputs of a sampler during one step.

    Attributes:
        process: The process being reversed.
        denoise: Each call is one evaluation.
        noise: The noise of this step.
        history: Earlier evaluations that a sampler with ``memory`` stores, newest first; the loop
            keeps the latest ``memory`` of them.
        cost: Number of evaluations that this step may make.
        step: Number of this step, from 0.
        steps: Number of steps of the whole grid.
        free: The places that the sampler may change, bool, shaped like the state; None = all.
    """

    process: ProcessT
    denoise: Denoise
    noise: Draw
    history: deque[Evaluation]
    cost: int
    step: int
    steps: int
    free: Tensor | None = None

    def costing(self, cost: int) -> Context[ProcessT]:
        """The context of a part of the step with ``cost`` evaluations."""
        return replace(self, cost=cost)


class Sampler(Part):
    """Base of all samplers."""

    summary: ClassVar[str] = ""
    """One line for lists and ``--help``."""
    exact: ClassVar[bool] = True
    """Whether it takes exactly the requested evaluations under a Gaussian process."""
    for_tokens: ClassVar[bool] = False
    """Whether it samples tokens rather than numbers."""

    grid: AnyGrid = DEFAULT_GRID

    @abstractmethod
    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context[Any]) -> Tensor:
        """The state at ``s`` reached from ``x_t`` at ``t``.

        Args:
            x_t: Shape (B, ...).
            t: Time in (0, 1], float64, shape ().
            s: Earlier time in [0, t), float64, shape ().
            context: Evaluations, noise and history.

        Returns:
            Shaped like ``x_t``; at ``s = 0`` with no noise left: a posterior mean, or clean tokens.
        """

    def sized(self, size: int) -> Sampler:
        """The sampler for samples of ``size`` numbers."""
        return self

    @property
    def memory(self) -> int:
        """Number of earlier evaluations that a step uses."""
        return 0

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """Number of evaluations of each step, at least 1; they add up to ``evaluations``."""
        return (1,) * evaluations
