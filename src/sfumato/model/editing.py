"""Edits: from options to a plan and a method, and from these to a problem of restoration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser
from sfumato.errors import SettingError, suggest
from sfumato.media.editing import Task, Wanted
from sfumato.model.checks import require_within
from sfumato.model.edit_options import EditOptions
from sfumato.model.provenance import Fit, Provenance
from sfumato.model.start import time_of
from sfumato.process.schedule import Schedule
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.method import Method, Restoring
from sfumato.restoration.methods import METHODS
from sfumato.restoration.moment_matching import MomentMatching
from sfumato.restoration.particles import MOST_PARTICLES
from sfumato.restoration.problem import Problem
from sfumato.restoration.windows import Windowed, window_corners
from sfumato.sampling.loop import State

EDITS = 4
"""Number of results of an edit by default."""
STEPS = 50
"""Number of network evaluations of each particle by default."""

_OPERATIONS = (
    "mask", "box", "outpaint", "super_resolve", "deblur", "colourise", "dejpeg", "bits", "denoise",
    "declip", "gap", "bandwidth", "extend", "noise", "feather", "resize",
)  # fmt: skip


def wanted(options: EditOptions) -> Wanted:
    """What the options ask to be done to a file.

    Raises:
        SettingError: Two operations are asked for, or none and no strength either.
    """
    found = Wanted(**options.given(*_OPERATIONS))
    operations = found.operations
    if len(operations) > 1:
        raise SettingError(
            f"{' and '.join(operations)} are two operations.",
            hint="do one after the other: edit the result of the first.",
        )
    if not operations and options.strength is None:
        raise SettingError(
            "It is not clear what to do to the file.",
            hint="name an operation, such as --box 8,8,16,16 or --denoise auto; or --strength 0.5 "
            "for a variation of the file.",
        )
    return found


def wanted_operations(options: EditOptions) -> tuple[str, ...]:
    """The names of the operations that the options ask for."""
    return Wanted(**options.given(*_OPERATIONS)).operations


def method_named(choice: Any, particles: int | None, is_large: bool) -> Method:
    """The method of an edit.

    Args:
        choice: A name, a registered method, or None for the default.
        particles: Number of particles of a result; None for the method's own.
        is_large: Whether the edit works by windows, where few particles are of no use.

    Raises:
        SettingError: There is no such method, or it has no particles.
    """
    if choice is None:
        method: Method = MomentMatching(particles=1) if is_large else MomentMatching()
    elif isinstance(choice, str):
        method = METHODS.find(choice)()
    else:
        METHODS.require(choice)
        method = choice
    if particles is None:
        return method
    if "particles" not in type(method).model_fields:
        named = [kind for kind, each in METHODS.items() if "particles" in each.model_fields]
        raise SettingError(
            f"The method '{method.kind}' has no particles.", hint=suggest(method.kind, named)
        )
    require_within("particles", particles, 1, MOST_PARTICLES)
    return type(method).model_validate({**method.model_dump(), "particles": particles})


def problem_of(
    task: Task,
    sample: Provenance,
    indices: range,
    window: Sequence[int],
    denoiser: Callable[[int], Denoiser],
    schedule: Schedule,
    covariance: Covariance,
    cond: Conditions,
    device: torch.device,
) -> Problem:
    """The problem that a batch of an edit solves.

    Args:
        task: The task.
        sample: The provenance of the results.
        indices: Indices of the results.
        window: Shape of what the model makes, (C, *sides).
        denoiser: Makes the denoiser of the model for a number of consecutive rows of each result.
        schedule: Schedule of the process.
        covariance: Covariance of what the model makes.
        cond: Conditions of the results.
        device: Device of the states.

    Raises:
        SettingError: The edit begins from the file, and the file is no such data.
    """
    sides = tuple(task.canvas[1:])
    is_large = sides != tuple(window[1:])
    count = len(window_corners(window[1:], sides)) if is_large else 1

    def whole(rows: int) -> Denoiser:
        own = denoiser(rows * count)
        return Windowed(own, window[1:], sides) if is_large else own

    if is_large and sample.files:
        raise SettingError(
            f"{next(iter(sample.files))} cannot be used here.",
            why="the file is larger than what the model makes, and a pair covers all of that",
            hint="leave it out, or read the file at the size of the model.",
        )
    strength = 1.0 if sample.start is None else sample.start.strength
    if strength < 1 and task.start is None:
        raise SettingError(
            "strength cannot be used here.",
            why="the file is not what is made, so the result cannot begin from it",
            hint="leave out --strength.",
        )
    sampler = sample.sampler
    steps = len(sampler.plan(sample.steps))
    times = sampler.grid.times(
        steps, schedule, math.prod(task.canvas), start=time_of(strength, schedule)
    )
    return Problem(
        whole,
        task.observation.to(device),
        covariance.resized(sides),
        indices,
        sample.seed,
        tuple(task.canvas),
        times,
        cond,
        None if strength == 1 or task.start is None else task.start.to(device),
        device,
    )


def fits_of(task: Task, state: State) -> tuple[Fit, ...]:
    """How well the results of a batch explain what is known.

    Args:
        task: The task.
        state: The last state.
    """
    residuals = task.observation.to(state.x_t.device).misfit(state.x_t).tolist()
    effective: Sequence[float | None] = [None] * len(residuals)
    if isinstance(state, Restoring) and state.effective is not None:
        effective = state.effective.tolist()
    return tuple(Fit(a, b) for a, b in zip(residuals, effective, strict=True))
