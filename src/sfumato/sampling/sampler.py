"""What a sampler is: the rule for one step, and nothing else.

The loop owns the grid, the noise, the count of evaluations and the history; a sampler is frozen
and stateless, so it is also its own JSON spec.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol

from torch import Tensor, empty_like, mul

from sfumato.denoiser import ProcessT
from sfumato.process.grids import DEFAULT_GRID, AnyGrid
from sfumato.registry import Part

# Numbers that stay in a processor's cache while all terms are added to them.
_PART = 1 << 16


def blend(state: Tensor, kept: float, terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """``kept state + sum of weights terms``, each number as if computed alone.

    Args:
        state: Shape (B, ...).
        kept: Its weight.
        terms: Each shaped like ``state``; those beyond the weights are left out.
        weights: Of the terms.
    """
    (total,) = blends(state, terms, [(kept, weights)])
    return total


def blends(
    state: Tensor, terms: Sequence[Tensor], steps: Sequence[tuple[float, Sequence[float]]]
) -> list[Tensor]:
    """Several sums of the same terms, each begun at the one before it.

    Large states are summed part by part: each is then read from memory once, where one term after
    the other would read and write the sum anew for each.

    Args:
        state: What the first begins at, shape (B, ...).
        terms: Each shaped like ``state``.
        steps: For each sum what it keeps of its beginning, and the weights of the terms.
    """
    totals = [empty_like(state) for _ in steps]
    whole = (state, *terms, *totals)
    if state.device.type != "cpu" or not all(each.is_contiguous() for each in whole):
        _add(state, terms, steps, totals)
        return totals
    flat = [each.view(-1) for each in whole]
    count = 1 + len(terms)
    for low in range(0, state.numel(), _PART):
        begun, *rows = (each[low : low + _PART] for each in flat)
        _add(begun, rows[: count - 1], steps, rows[count - 1 :])
    return totals


def _add(
    begun: Tensor,
    terms: Sequence[Tensor],
    steps: Sequence[tuple[float, Sequence[float]]],
    totals: Sequence[Tensor],
) -> None:
    """Fill the totals, which are all of one shape with the beginning."""
    for (kept, weights), total in zip(steps, totals, strict=True):
        mul(begun, kept, out=total)
        for term, weight in zip(terms, weights, strict=False):
            total.add_(term, alpha=weight)
        begun = total


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
    """What the loop offers a sampler during one step.

    Attributes:
        process: The process being reversed.
        denoise: Each call is one evaluation.
        noise: The noise of this step.
        history: Where a sampler with ``memory`` leaves its evaluations, newest first; the loop
            keeps the latest ``memory`` of them.
        cost: Evaluations this step may make.
        step: Number of this step, from 0.
        steps: Number of steps of the whole grid.
        free: Which places the sampler may change, bool, shaped like the state; None = all.
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
        """The same for a part of the step, of so many evaluations."""
        return replace(self, cost=cost)


class Sampler(Part):
    """Base of all samplers."""

    summary: ClassVar[str] = ""
    """One line for lists and ``--help``."""
    exact: ClassVar[bool] = True
    """Whether it takes exactly the evaluations it is given under a Gaussian process, not fewer."""
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
        """The sampler for samples of so many numbers, if that matters to it."""
        return self

    @property
    def memory(self) -> int:
        """How many earlier evaluations a step looks back at."""
        return 0

    def plan(self, evaluations: int) -> tuple[int, ...]:
        """How many evaluations each step makes; they add up to ``evaluations``, at least 1."""
        return (1,) * evaluations
