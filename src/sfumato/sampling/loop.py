"""The one loop that turns noise into data.

    for t, s in grid:  x_s = sampler.step(x_t, t, s)

It yields its states, so progress bars, previews, trajectories and cancelling cost nothing more.
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
from sfumato.sampling.sampler import Context, Evaluation, Sampler


@dataclass(frozen=True)
class State:
    """One state on the way from noise to data.

    Attributes:
        step: From 0 to ``steps``.
        steps: Number of steps of the grid.
        t: Time, from 1 down to 0.
        x_t: Shape (B, ...).
        belief: What the denoiser said of the clean data here, a posterior's parameter; None where
            it was not asked. Under a Gaussian process at ``t = 0`` it is the state itself.
        evaluations: How often the denoiser was asked on the way here.
    """

    step: int
    steps: int
    t: float
    x_t: Tensor
    belief: Tensor | None
    evaluations: int = 0

    @property
    def mean(self) -> Tensor:
        """What the data was believed to be, under a Gaussian process; shaped like ``x_t``."""
        if self.belief is None:
            raise ValueError("the denoiser was not asked at this state")
        return self.belief


def trajectory(
    denoiser: Denoiser[ProcessT],
    sampler: Sampler,
    noise: NoiseSource,
    shape: Sequence[int],
    evaluations: int,
    cond: Mapping[str, Any] | None = None,
) -> Iterator[State]:
    """States from pure noise to data, each as soon as the denoiser has spoken of it.

    Args:
        denoiser: The model, guided or not.
        sampler: The rule for one step, with its grid.
        noise: Where the prior and the sampler's noise come from: of the process's own kind.
        shape: Of one sample.
        evaluations: How often the denoiser is called: exactly so often under a Gaussian process,
            at most so often on tokens, where a call that can change nothing is saved.
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
) -> Iterator[State]:
    """States from any state along any times, such as a partly noised picture to be edited.

    Args:
        denoiser: The model, guided or not.
        sampler: The rule for one step; its own grid is not used.
        x_t: State at ``times[0]``, shape (B, ...).
        times: Decreasing, float64, one more than ``sampler.plan(evaluations)`` has steps.
        noise: Where the sampler's noise comes from.
        evaluations: How often the denoiser is called, see :func:`trajectory`.
        cond: Conditions passed to the denoiser.
        free: Tokens only: which places may change, bool, shape (B, L); None = all.

    Raises:
        SettingError: ``evaluations`` is below 1 or does not fit the times.
    """
    _check(evaluations)
    plan = sampler.plan(evaluations)
    if len(times) != len(plan) + 1:
        raise SettingError(
            f"{evaluations} evaluations are {len(plan)} steps, not {len(times) - 1}.",
            hint="sampler.plan(evaluations) tells the number of steps",
        )
    return _states(denoiser, sampler, x_t, times, noise, plan, cond or {}, free)


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
) -> Iterator[State]:
    history: deque[Evaluation] = deque(maxlen=sampler.memory)
    asked = 0
    for k, (t, s, cost) in enumerate(zip(times[:-1], times[1:], plan, strict=True)):
        beliefs: list[Tensor] = []

        def denoise(x: Tensor, at: Tensor, /, beliefs: list[Tensor] = beliefs) -> Tensor:
            beliefs.append(denoiser(x, at, **cond).parameter)
            return beliefs[-1]

        draw = partial(noise.step, k, x_t.shape[1:])
        context = Context(denoiser.process, denoise, draw, history, cost, k, len(plan), free)
        with torch.no_grad():
            x_s = sampler.step(x_t, t, s, context)
        yield State(k, len(plan), t.item(), x_t, beliefs[0] if beliefs else None, asked)
        x_t, asked = x_s, asked + len(beliefs)
    yield State(len(plan), len(plan), times[-1].item(), x_t, x_t, asked)
