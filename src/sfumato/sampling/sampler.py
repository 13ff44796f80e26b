"""The base of all samplers: a sampler is the rule for one step.

The loop owns the noise, the history and the count of evaluations; a sampler is frozen and
stateless, so it is also its own JSON spec.
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

# Numbers that stay in the cache of a CPU while all terms are added to them.
_PART = 1 << 16


def blend(state: Tensor, kept: float, terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """``kept * state + sum_i weights_i terms_i``, with each number independent of the others.

    Args:
        state: Shape (B, ...).
        kept: The weight of the state.
        terms: Each shaped like ``state``; terms without a weight are left out.
        weights: The weights of the terms.
    """
    (total,) = blends(state, terms, [(kept, weights)])
    return total


def blends(
    state: Tensor, terms: Sequence[Tensor], steps: Sequence[tuple[float, Sequence[float]]]
) -> list[Tensor]:
    """Several sums of the same terms, each starting from the previous one.

    Large states are summed in parts, so that each number is read from memory once, not once per
    term.

    Args:
        state: The start of the first sum, shape (B, ...).
        terms: Each shaped like ``state``.
        steps: For each sum the weight of its start, and the weights of the terms.
    """
    totals = [empty_like(state) for _ in steps]
    tensors = (state, *terms, *totals)
    if state.device.type != "cpu" or not all(each.is_contiguous() for each in tensors):
        _add(state, terms, steps, totals)
        return totals
    flat = [each.view(-1) for each in tensors]
    count = 1 + len(terms)
    for low in range(0, state.numel(), _PART):
        start, *rows = (each[low : low + _PART] for each in flat)
        _add(start, rows[: count - 1], steps, rows[count - 1 :])
    return totals


def _add(
    start: Tensor,
    terms: Sequence[Tensor],
    steps: Sequence[tuple[float, Sequence[float]]],
    totals: Sequence[Tensor],
) -> None:
    """Compute the totals, which have the shape of ``start``."""
    for (kept, weights), total in zip(steps, totals, strict=True):
        mul(start, kept, out=total)
        for term, weight in zip(terms, weights, strict=False):
            total.add_(term, alpha=weight)
        start = total


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


class Language(Protocol):
    """The rows of tokens that may be drawn, where not every row is a text."""

    def draw(
        self, x_t: Tensor, free: Tensor, logits: Tensor, noise: Tensor, again: Tensor
    ) -> Tensor:
        """Draw tokens at some places so that the whole row is one of the language.

        Args:
            x_t: Tokens, int64, shape (B, L).
            free: The places to draw, bool, shape (B, L).
            logits: Shape (B, L, V).
            noise: Uniform in [0, 1), float64, shape (B, L).
            again: More of it, for rows in which independent draws are not of the language.

        Returns:
            Shaped like ``x_t``.
        """


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
        language: Tokens only: the rows that may be drawn; None = all.
    """

    process: ProcessT
    denoise: Denoise
    noise: Draw
    history: deque[Evaluation]
    cost: int
    step: int
    steps: int
    free: Tensor | None = None
    language: Language | None = None

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
