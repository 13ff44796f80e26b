"""One optimiser step, and the check for values that are not finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic

import torch
from torch import Tensor

from sfumato.engine import batch as trees
from sfumato.engine.attention import attention
from sfumato.engine.batch import Batch
from sfumato.engine.precision import Decision, autocast
from sfumato.engine.settings import EngineSettings
from sfumato.engine.state import TrainingState
from sfumato.errors import Diverged

STEPS_BETWEEN_CHECKS = 10
"""On an accelerator, reading the loss makes the CPU wait, so it is read this rarely there."""

MOST_SKIPPED = 10
"""More steps than these in a row are not the fault of their batches."""

_RISEN = 10.0
"""A loss of so many times the lowest one shows that the weights were diverging before."""


class Stepper(Generic[Batch]):
    """Applies batches to a training state.

    Args:
        state: What to train.
        loss: A function from a part of a batch to one loss per sample, shape (B,).
        settings: How to train.
        precision: Number format of the forward pass.
        kernel: The kind of attention.

    Attributes:
        lr: Learning rate of the last step.
        grad_norm: Global gradient norm of the last checked step, before clipping.
    """

    def __init__(
        self,
        state: TrainingState,
        loss: Callable[[Batch], Tensor],
        settings: EngineSettings,
        precision: Decision,
        kernel: Decision,
    ) -> None:
        self.lr = 0.0
        self.grad_norm = math.nan
        self._state = state
        self._loss = loss
        self._settings = settings
        self._precision = precision
        self._kernel = kernel
        self._weights = [p for p in state.module.parameters() if p.requires_grad]
        self._device = self._weights[0].device
        self._skips = settings.on_divergence == "skip"
        # To skip a step, its loss has to be checked before the weights are updated.
        at_once = self._skips or self._device.type == "cpu"
        self._patience = 1 if at_once else STEPS_BETWEEN_CHECKS
        self._last_loss = self._lowest_loss = math.inf
        self._unchecked: list[tuple[int, Tensor, Tensor]] = []
        self._skipped = 0

    def apply(self, batch: Batch) -> Diverged | None:
        """Take one step.

        Returns:
            The reason if the step was skipped, because its loss or gradient is not finite and the
            settings allow it; else None. A skipped step changes only the counts.

        Raises:
            Diverged: The loss or gradient of this step, or of one of the last few, is not finite.
            ValueError: The loss is not one number per sample.
        """
        state, samples = self._state, trees.size(batch)
        self._set_learning_rate(state.samples + samples)
        before = self._buffers() if self._skips else {}
        losses = self._accumulate(batch, samples)
        clip = self._settings.clip
        norm = torch.nn.utils.clip_grad_norm_(self._weights, math.inf if clip is None else clip)
        self._unchecked.append((state.step, losses, norm))
        skipped = None
        if len(self._unchecked) >= self._patience:
            skipped = self._skippable()
        if skipped is None:
            state.optimizer.step()
            state.ema.update()
        else:
            self._put_back(before)
        state.step += 1
        state.samples += samples
        return skipped

    def _skippable(self) -> Diverged | None:
        """Check the unchecked losses; returns the reason to skip this step, or None."""
        try:
            self.check()
        except Diverged as problem:
            self._skipped += 1
            if not self._skips or self._skipped > MOST_SKIPPED:
                raise
            self._unchecked.clear()
            return problem
        self._skipped = 0
        return None

    def gradient_norm(self, batch: Batch) -> float:
        """The norm of a batch's gradient; weights and buffers are not changed."""
        before = self._buffers()
        self._accumulate(batch, trees.size(batch))
        norm = torch.nn.utils.clip_grad_norm_(self._weights, math.inf).item()
        self._state.optimizer.zero_grad(set_to_none=True)
        self._put_back(before)
        return norm

    def _buffers(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self._state.module.named_buffers()}

    def _put_back(self, buffers: dict[str, Tensor]) -> None:
        for name, value in self._state.module.named_buffers():
            value.copy_(buffers[name])

    def check(self) -> None:
        """Check the losses and gradients that are not checked yet.

        Raises:
            Diverged: A value is not finite; the message names its step.
        """
        for step, losses, norm in self._unchecked:
            self.grad_norm = norm.item()
            loss = losses.mean().item()
            if not (math.isfinite(loss) and math.isfinite(self.grad_norm)):
                raise self._diverged_at(step, losses)
            self._state.note_loss(loss)
            self._last_loss, self._lowest_loss = loss, min(loss, self._lowest_loss)
        self._unchecked.clear()

    def check_all(self) -> None:
        """Also check all weights and averaged weights, before they are saved.

        Raises:
            Diverged: A value is not finite.
        """
        self.check()
        for group in ("weights", "ema"):
            for name, tensor in self._state.tensors()[group].items():
                if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                    why = f"'{name}' holds a NaN or an infinity"
                    raise _diverged(self._state.step, why, of_weights=True)

    def _diverged_at(self, step: int, losses: Tensor) -> Diverged:
        """The error for a step whose loss or gradient is not finite."""
        places = tuple((~losses.isfinite()).nonzero().flatten().tolist())
        # Before the second step nothing can have risen, and no loss that falls is below zero.
        low, last = self._lowest_loss, self._last_loss
        has_risen = math.isfinite(last) and last > _RISEN * max(low, 1e-3)
        of_most = len(losses) > 1 and 2 * len(places) > len(losses)
        if places:
            first = losses[places[0]].item()
            which = f"sample {places[0]}" if len(places) == 1 else f"{len(places)} samples"
            if len(places) == len(losses) > 1:
                which = f"all {len(places)} samples"
            why = f"the loss of {which} of the batch of step {step} is {first:g}"
        else:
            why = f"the gradient norm is {self.grad_norm:g} on the batch of step {step}"
        if has_risen:
            why += f"; before it the loss had risen from {low:.3g} to {last:.3g}"
        return _diverged(step, why, places, has_risen or of_most or not places)

    def _accumulate(self, batch: Batch, samples: int) -> Tensor:
        """Accumulate the gradients of the mean loss, part by part; returns the losses, (B,)."""
        self._state.optimizer.zero_grad(set_to_none=True)
        found = []
        for part in trees.split(batch, self._settings.accumulate):
            with autocast(self._precision, self._device), attention(self._kernel):
                losses = self._loss(part)
            if losses.shape != (trees.size(part),):
                raise ValueError(
                    f"the loss must be one number per sample: expected ({trees.size(part)},), "
                    f"got {tuple(losses.shape)}"
                )
            (losses.float().sum() / samples).backward()  # type: ignore[no-untyped-call]
            found.append(losses.detach().float())
        return torch.cat(found)

    def _set_learning_rate(self, samples_seen: int) -> None:
        settings = self._settings
        factor = settings.learning_rate.factor(samples_seen, self._state.progress)
        self.lr = settings.optimizer.lr * factor
        for group in self._state.optimizer.param_groups:
            group["lr"] = self.lr


def _diverged(
    step: int, why: str, places: tuple[int, ...] = (), of_weights: bool = False
) -> Diverged:
    return Diverged(
        f"Training diverged at step {step}.",
        why=why,
        hint="Lower the learning rate, or warm up for longer. Nothing was saved since the last "
        "checkpoint.",
        step=step,
        places=places,
        of_weights=of_weights,
    )
