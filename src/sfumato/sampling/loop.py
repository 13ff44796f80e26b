"""The sampling loop, from noise to data.

    for t, s in grid:  x_s = sampler.step(x_t, t, s)

It yields its states, for progress bars, previews, trajectories and cancelling.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, ProcessT
from sfumato.errors import SettingError
from sfumato.process.categorical import CategoricalProcess
from sfumato.process.gaussian import Gaussian
from sfumato.process.keep import Keep
from sfumato.process.schedule import Schedule
from sfumato.sampling.noise import NoiseSource
from sfumato.sampling.sampler import Context, Evaluation, Language, Sampler


@dataclass(frozen=True)
class State:
    """One state between noise and data.

    Attributes:
        step: Number of the step, from 0 to ``steps``.
        steps: Number of steps of the grid.
        t: Time, from 1 down to 0.
        x_t: Shape (B, ...).
        belief: The posterior's parameter that the denoiser predicted here; None if it was not
            evaluated. Under a Gaussian process at ``t = 0`` it is the state itself.
        evaluations: Number of evaluations of the denoiser so far.
    """

    step: int
    steps: int
    t: float
    x_t: Tensor
    belief: Tensor | None
    evaluations: int = 0

    @property
    def mean(self) -> Tensor:
        """The posterior mean under a Gaussian process, shaped like ``x_t``."""
        if self.belief is None:
            raise ValueError("the denoiser was not evaluated at this state")
        return self.belief


def trajectory(
    denoiser: Denoiser[ProcessT],
    sampler: Sampler,
    noise: NoiseSource,
    shape: Sequence[int],
    evaluations: int,
    cond: Mapping[str, Any] | None = None,
) -> Iterator[State]:
    """States from pure noise to data, each yielded as soon as the denoiser was evaluated at it.

    Args:
        denoiser: The model, guided or not.
        sampler: The rule for one step, with its grid.
        noise: Source of the prior and of the sampler's noise, of the kind that the process needs.
        shape: Shape of one sample.
        evaluations: Number of calls of the denoiser: exact under a Gaussian process, the largest
            number on tokens, where calls without effect are saved.
        cond: Conditions passed to the denoiser, each with a row per sample.

    Raises:
        SettingError: ``evaluations`` is below 1.
    """
    _check(evaluations)
    steps = len(sampler.plan(evaluations))
    times = sampler.grid.times(steps, _path(denoiser.process), math.prod(shape))
    x_1 = denoiser.process.prior(noise.prior(shape))
    return integrate(denoiser, sampler, x_1, times, noise, evaluations, cond)


def sample(
    denoiser: Denoiser[ProcessT],
    sampler: Sampler,
    noise: NoiseSource,
    shape: Sequence[int],
    evaluations: int,
    cond: Mapping[str, Any] | None = None,
) -> Tensor:
    """The data at the end of a :func:`trajectory`, shape (B, *shape)."""
    return last(trajectory(denoiser, sampler, noise, shape, evaluations, cond))


def last(states: Iterator[State]) -> Tensor:
    """Drain the states and return the last one's ``x_t``."""
    (final,) = deque(states, maxlen=1)
    return final.x_t


def integrate(
    denoiser: Denoiser[ProcessT],
    sampler: Sampler,
    x_t: Tensor,
    times: Tensor,
    noise: NoiseSource,
    evaluations: int,
    cond: Mapping[str, Any] | None = None,
    free: Tensor | None = None,
    language: Language | None = None,
) -> Iterator[State]:
    """States from any state along any times, for example from a partly noised image.

    Args:
        denoiser: The model, guided or not.
        sampler: The rule for one step; its own grid is not used.
        x_t: State at ``times[0]``, shape (B, ...).
        times: Decreasing, float64, one more than ``sampler.plan(evaluations)`` has steps.
        noise: Source of the sampler's noise.
        evaluations: Number of calls of the denoiser, see :func:`trajectory`.
        cond: Conditions passed to the denoiser.
        free: Tokens only: the places that may change, bool, shape (B, L); None = all.
        language: Tokens only: the rows that may be drawn; None = all.

    Raises:
        SettingError: ``evaluations`` is below 1 or does not fit the times.
    """
    _check(evaluations)
    plan = sampler.plan(evaluations)
    if len(times) != len(plan) + 1:
        raise SettingError(
            f"{evaluations} evaluations are {len(plan)} steps, not {len(times) - 1}.",
            hint="sampler.plan(evaluations) has one entry for each step",
        )
    return _states(denoiser, sampler, x_t, times, noise, plan, cond or {}, free, language)


def _path(process: Gaussian | CategoricalProcess) -> Schedule | Keep:
    return process.schedule if isinstance(process, Gaussian) else process.keep


def _check(evaluations: int) -> None:
    if evaluations < 1:
        raise SettingError(f"At least one evaluation is needed, not {evaluations}.")


def _states(
    denoiser: Denoiser[ProcessT],
    sampler: Sampler,
    x_t: Tensor,
    times: Tensor,
    noise: NoiseSource,
    plan: Sequence[int],
    cond: Mapping[str, Any],
    free: Tensor | None,
    language: Language | None,
) -> Iterator[State]:
    history: deque[Evaluation] = deque(maxlen=sampler.memory)
    count = 0
    for k, (t, s, cost) in enumerate(zip(times[:-1], times[1:], plan, strict=True)):
        beliefs: list[Tensor] = []

        def denoise(x: Tensor, at: Tensor, /, beliefs: list[Tensor] = beliefs) -> Tensor:
            beliefs.append(denoiser(x, at, **cond).parameter)
            return beliefs[-1]

        draw = partial(noise.step, k, x_t.shape[1:])
        context = Context(
            denoiser.process, denoise, draw, history, cost, k, len(plan), free, language
        )
        with torch.no_grad():
            x_s = sampler.step(x_t, t, s, context)
        yield State(k, len(plan), t.item(), x_t, beliefs[0] if beliefs else None, count)
        x_t, count = x_s, count + len(beliefs)
    yield State(len(plan), len(plan), times[-1].item(), x_t, x_t, count)
