"""The state of training, and its conversion to and from named tensors and plain numbers.

It has no generator state: all random numbers are pure functions of the seed and the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.engine.checkpoint import Checkpoint
from sfumato.engine.ema import PowerEMA, named_state
from sfumato.engine.saved import SavedState, parse_state, require_slots
from sfumato.errors import DamagedFile, RunError

_GROUPS = ("weights", "ema", "optimizer")

SMOOTHING = 0.98
"""Decay per step of the reported loss."""


@dataclass(slots=True)
class TrainingState:
    """The state of the training of a module.

    Attributes:
        module: The module.
        ema: Its averaged weights.
        optimizer: Its optimiser.
        step: Number of completed optimiser steps.
        samples: Number of samples so far.
        elapsed: Seconds trained, over all sessions.
        progress: Share of the run that is done, in [0, 1], when last measured.
    """

    module: nn.Module
    ema: PowerEMA
    optimizer: torch.optim.Optimizer
    step: int = 0
    samples: int = 0
    elapsed: float = 0.0
    progress: float = 0.0
    _loss: float = field(default=0.0, repr=False)
    _weight: float = field(default=0.0, repr=False)

    @property
    def loss(self) -> float:
        """The smoothed loss; NaN before the first step."""
        return self._loss / self._weight if self._weight else float("nan")

    def note_loss(self, loss: float) -> None:
        """Add the loss of one step to the smoothed loss."""
        self._loss = SMOOTHING * self._loss + (1.0 - SMOOTHING) * loss
        self._weight = SMOOTHING * self._weight + (1.0 - SMOOTHING)

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All tensors by group; they are not copied."""
        parameters, buffers = named_state(self.module)
        slots = {
            f"{name}/{slot}": value
            for name, slot, value in self._slots()
            if isinstance(value, Tensor)
        }
        values = ({**parameters, **buffers}, self.ema.tensors(), slots)
        return dict(zip(_GROUPS, values, strict=True))

    def scalars(self) -> dict[str, object]:
        """All numbers, as JSON."""
        slots = {
            f"{name}/{slot}": value
            for name, slot, value in self._slots()
            if not isinstance(value, Tensor)
        }
        return {
            "samples": self.samples,
            "elapsed": self.elapsed,
            "progress": self.progress,
            "loss": [self._loss, self._weight],
            "ema_steps": self.ema.steps,
            "optimizer": slots,
            "slots": len(self.tensors()["optimizer"]),
        }

    def expected_size(self) -> int:
        """Bytes of one checkpoint: weights, average and up to two moments."""
        parameters, buffers = named_state(self.module)
        weights = sum(p.nbytes for p in parameters.values())
        return 4 * weights + 2 * sum(b.nbytes for b in buffers.values())

    def check(self, checkpoint: Checkpoint) -> SavedState:
        """Check that training can continue from a checkpoint, see :func:`check_fits`."""
        return check_fits(self.module, checkpoint, self.optimizer)

    @torch.no_grad()
    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state of a checkpoint, bit for bit.

        Raises:
            DamagedFile: See :meth:`check`; nothing was changed.
            RunError: The checkpoint belongs to another module.
        """
        saved = self.check(checkpoint)
        parameters, buffers = named_state(self.module)
        for name, tensor in {**parameters, **buffers}.items():
            tensor.copy_(checkpoint.tensors["weights"][name])
        self.ema.load(checkpoint.tensors["ema"], saved.ema_steps)
        self._restore_optimizer(checkpoint.tensors["optimizer"], saved.optimizer)
        self.step = saved.step
        self.samples = saved.samples
        self.elapsed = saved.elapsed
        self.progress = saved.progress
        self._loss, self._weight = saved.smoothed

    def _slots(self) -> list[tuple[str, str, Any]]:
        named: dict[Tensor, str] = {p: name for name, p in self.module.named_parameters()}
        return [
            (named[p], slot, value)
            for p, slots in self.optimizer.state.items()
            for slot, value in slots.items()
        ]

    def _restore_optimizer(
        self, tensors: Mapping[str, Tensor], scalars: Mapping[str, object]
    ) -> None:
        by_name = dict(self.module.named_parameters())
        self.optimizer.state.clear()
        for key, value in {**tensors, **scalars}.items():
            name, slot = key.rsplit("/", 1)
            parameter = by_name[name]
            if isinstance(value, Tensor):
                value = _laid_out_like(parameter, value)
            self.optimizer.state[parameter][slot] = value


def check_fits(
    module: nn.Module, checkpoint: Checkpoint, optimizer: torch.optim.Optimizer | None = None
) -> SavedState:
    """Check that the training of a module can continue from a checkpoint.

    Args:
        module: The module.
        checkpoint: The checkpoint.
        optimizer: The optimiser of the module; None if only the weights will be used.

    Returns:
        The numbers of the checkpoint.

    Raises:
        DamagedFile: A tensor or an entry is missing, or has a value that was never saved.
        RunError: The checkpoint belongs to another module.
    """
    saved = parse_state(checkpoint.path, checkpoint.step, checkpoint.scalars)
    missing = [name for name in _GROUPS if name not in checkpoint.tensors]
    if missing:
        raise DamagedFile(f"{checkpoint.path} has no {missing[0]}.safetensors.")
    parameters, buffers = named_state(module)
    expected = {**parameters, **buffers}
    _require_same(expected, checkpoint)
    if _described(checkpoint.tensors["ema"]) != _described(expected):
        raise DamagedFile(
            f"{checkpoint.path / 'ema.safetensors'} does not fit the weights beside it."
        )
    slots = checkpoint.tensors["optimizer"]
    require_slots(checkpoint.path, saved, slots, dict(module.named_parameters()), optimizer)
    return saved


def _laid_out_like(parameter: Tensor, saved: Tensor) -> Tensor:
    """A saved slot on the parameter's device, with the parameter's memory format if shapes agree.

    Fused kernels iterate over both in storage order, so a channels-last kernel needs channels-last
    moments; the file holds them row-major.
    """
    if saved.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=saved.dtype).copy_(saved)
    return saved.to(parameter.device)


def _described(tensors: Mapping[str, Tensor]) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}


def _require_same(weights: Mapping[str, Tensor], checkpoint: Checkpoint) -> None:
    mine, saved = _described(weights), _described(checkpoint.tensors["weights"])
    if mine != saved:
        name = sorted(name for name in mine | saved if mine.get(name) != saved.get(name))[0]
        raise RunError(
            f"The checkpoint {checkpoint.path} belongs to another module.",
            why=f"'{name}' is {_in_words(mine.get(name))} here and "
            f"{_in_words(saved.get(name))} there",
            hint="Resume with the settings of the run, or choose another run name.",
        )


def _in_words(described: tuple[tuple[int, ...], torch.dtype] | None) -> str:
    return "missing" if described is None else f"{described[0]} of {described[1]}"
