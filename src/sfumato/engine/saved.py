"""The schema of ``state.json``: what a checkpoint must hold before training continues from it.

Reading is strict, because the file decides where training continues: a number is not taken from a
string, and a missing or impossible entry makes the checkpoint a damaged one, which is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from sfumato.engine.optimizers import LightOptimizer
from sfumato.errors import DamagedFile, RunError

MOST = 2**53
"""Largest step, and number of samples: JSON numbers of other programs are exact up to it."""

Count = Annotated[int, Field(ge=0, le=MOST)]
Plain = bool | int | float | str | None


class SavedState(BaseModel):
    """The numbers of a training state.

    Attributes:
        step: Number of completed optimiser steps.
        samples: Number of samples so far.
        elapsed: Seconds trained.
        progress: Share of the run that is done.
        loss: The smoothed loss before normalisation, and its weight.
        ema_steps: Number of updates of the averaged weights.
        optimizer: The state of the optimiser that is no tensor, by ``parameter/slot``.
        slots: Number of tensors of the optimiser; None in files of earlier versions.
        identity: Facts that must be the same when the run is resumed.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

    step: Count
    samples: Count
    elapsed: float = Field(ge=0.0, le=1e12)
    progress: float = Field(ge=0.0, le=1.0)
    loss: Annotated[list[float], Field(min_length=2, max_length=2)]
    ema_steps: Count
    optimizer: dict[str, Plain]
    slots: Count | None = None
    identity: dict[str, Any]

    @property
    def smoothed(self) -> tuple[float, float]:
        """The smoothed loss before normalisation, and its weight."""
        value, weight = self.loss
        return value, weight


def parse_state(path: Path, step: object, scalars: Mapping[str, Any]) -> SavedState:
    """The numbers of a checkpoint, checked.

    Args:
        path: The checkpoint, for errors.
        step: Its step.
        scalars: The other entries of its ``state.json``.

    Raises:
        DamagedFile: An entry is missing, or has a value that training cannot have written.
    """
    try:
        saved = SavedState.model_validate({"step": step, **scalars})
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise _unusable(path, f"{place}: {problem['msg']}") from error
    value, weight = saved.smoothed
    # The weight tends to 1, from below but for rounding.
    if not 0.0 <= weight < 1.01 or not math.isfinite(value / weight if weight else value):
        raise _unusable(path, f"loss: {saved.loss} is not a loss and its weight")
    if saved.ema_steps > saved.step:
        raise _unusable(path, f"ema_steps is {saved.ema_steps}, after {saved.step} steps")
    return saved


def require_identity(path: Path, saved: SavedState, identity: Mapping[str, Any]) -> None:
    """Check that a run has the same identity as when a checkpoint was saved.

    Args:
        path: The checkpoint, for errors.
        saved: Its numbers.
        identity: The facts about the run now.

    Raises:
        RunError: A fact differs.
    """
    then = saved.identity
    changed = sorted(key for key in then | dict(identity) if then.get(key) != identity.get(key))
    if changed:
        raise RunError(
            f"The run cannot resume from {path}: {', '.join(changed)} changed.",
            why=f"{changed[0]} was {then.get(changed[0])!r} and is {identity.get(changed[0])!r}",
            hint="Put it back, choose another run name, or allow changes explicitly.",
        )


def require_slots(
    path: Path,
    saved: SavedState,
    slots: Mapping[str, Tensor],
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Check that the state of the optimiser is complete and belongs to some parameters.

    Args:
        path: The checkpoint, for errors.
        saved: Its numbers.
        slots: Its tensors of the optimiser, by ``parameter/slot``.
        parameters: The parameters of the module by name.
        optimizer: The optimiser that will continue from it. The state must then be one that this
            optimiser has, unless it is of another package, whose state is not known here.

    Raises:
        DamagedFile: The state is empty although weights were changed, is incomplete, or has a
            tensor of another shape or type.
    """
    if saved.ema_steps and not slots and not saved.optimizer:
        raise _unusable(path, f"the optimizer has no state after {saved.ema_steps} updates")
    if saved.slots not in (None, len(slots)):
        raise _unusable(path, f"the optimizer has {len(slots)} tensors of {saved.slots}")
    for key in (*slots, *saved.optimizer):
        name, separator, _ = key.rpartition("/")
        if not separator or name not in parameters:
            raise _unusable(path, f"the optimizer has a state for {key!r}, which is no parameter")
    if isinstance(optimizer, LightOptimizer):
        _require_layout(path, saved, slots, parameters, optimizer)
    for key, slot in slots.items():
        parameter = parameters[key.rpartition("/")[0]]
        if slot.dim() and slot.shape != parameter.shape:
            raise _unusable(path, f"{key!r} has the shape {tuple(slot.shape)}")
        if slot.dim() and parameter.is_floating_point() != slot.is_floating_point():
            raise _unusable(path, f"{key!r} holds numbers of type {slot.dtype}")
        if not torch.isfinite(slot).all():
            raise _unusable(path, f"{key!r} holds a number that is not finite")


def _require_layout(
    path: Path,
    saved: SavedState,
    slots: Mapping[str, Tensor],
    parameters: Mapping[str, nn.Parameter],
    optimizer: LightOptimizer,
) -> None:
    """Check that each parameter has all tensors of its optimiser, or none, and nothing else."""
    if saved.optimizer:
        raise _unusable(path, f"{next(iter(saved.optimizer))!r} should be a tensor")
    found: dict[str, dict[str, Tensor]] = {}
    for key, slot in slots.items():
        name, _, kind = key.rpartition("/")
        found.setdefault(name, {})[kind] = slot
    for name, of_parameter in found.items():
        expected = optimizer.slots_of(parameters[name])
        if of_parameter.keys() != expected.keys():
            raise _unusable(
                path,
                f"the optimizer has {', '.join(sorted(of_parameter))} of {name!r} instead of "
                f"{', '.join(sorted(expected))}",
            )
        for kind, slot in of_parameter.items():
            if slot.shape != expected[kind]:
                raise _unusable(path, f"'{name}/{kind}' has the shape {tuple(slot.shape)}")
            wanted = parameters[name].dtype if expected[kind] else torch.float32
            if slot.dtype != wanted:
                raise _unusable(path, f"'{name}/{kind}' holds numbers of type {slot.dtype}")


def _unusable(path: Path, why: str) -> DamagedFile:
    return DamagedFile(
        f"{path} is not a training state that can be resumed.",
        why=why,
        hint="Another program changed it: restore it from a copy.",
    )
