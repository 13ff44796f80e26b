"""The training loop, as a generator of events.

Around the optimiser steps (``engine.step``) the loop resumes, saves, reports and stops on request.
All changes of the weights are a pure function of the step and the state, so a run that was killed
and resumed ends with the same bits as an uninterrupted run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic

import torch
from torch import Tensor, nn

from sfumato.engine import batch as trees
from sfumato.engine.attention import choose_attention
from sfumato.engine.batch import Batch
from sfumato.engine.checkpoint import Checkpoint, CheckpointStore
from sfumato.engine.compiling import (
    as_written,
    brief,
    choose_compile,
    compile_parts,
    eager,
    is_repeated,
)
from sfumato.engine.ema import PowerEMA
from sfumato.engine.events import Done, Event, Progress, Saved, Skipped, Started, Warned
from sfumato.engine.machine import keep_freed_memory, loader_threads
from sfumato.engine.pace import Cadence, Pace, every
from sfumato.engine.precision import choose_precision
from sfumato.engine.prefetch import Prefetcher
from sfumato.engine.saved import require_identity
from sfumato.engine.settings import Budget, EngineSettings
from sfumato.engine.signals import StopRequest
from sfumato.engine.state import TrainingState
from sfumato.engine.step import Stepper
from sfumato.engine.watch import Watch
from sfumato.errors import Interrupted

_EVALUATE_SECONDS, _EVALUATE_SHARE = 30.0, 0.03
_FIRST_SAVE_SECONDS = 45.0


class Trainer(Generic[Batch]):
    """Trains a module.

    Args:
        module: The module, on the device where it is to be trained.
        loss: A function from a batch, or a part of one, to one loss per sample, shape (B,). It
            calls ``module``; its random numbers must be a function of the batch's content.
        batches: A pure function from a step to its batch of ``settings.batch`` samples (see
            ``engine.batch``), called ahead of time on other threads.
        settings: How to train.
        checkpoints: The store of checkpoints. Hold the run's lock while training.
        identity: Facts that must be the same when a run is resumed (a digest of the data, the
            seed), as JSON; the batch size is always included.

    Attributes:
        state: The module, its average, its optimiser and the counters.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[[Batch], Tensor],
        batches: Callable[[int], Batch],
        settings: EngineSettings,
        checkpoints: CheckpointStore,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.checkpoints = checkpoints
        self.identity = {"batch": settings.batch, **(identity or {})}
        self.state = TrainingState(
            module=module,
            ema=PowerEMA(module, settings.ema_width),
            optimizer=settings.optimizer.build(module.named_parameters()),
        )
        self._device = next(module.parameters()).device
        self._precision = choose_precision(settings.precision, self._device)
        self._attention = choose_attention(self._device, self._precision)
        self._batches = batches
        self._stepper = Stepper(self.state, loss, settings, self._precision, self._attention)
        self._saved_step: int | None = None
        self._compiled = False

    @property
    def ema(self) -> PowerEMA:
        """The averaged weights; ``with trainer.ema.swapped():`` puts them into the module."""
        return self.state.ema

    def restore(self, checkpoint: Checkpoint, allow_changes: bool = False) -> None:
        """Resume from a checkpoint.

        Args:
            checkpoint: A checkpoint of the store.
            allow_changes: Accept that the identity differs from the saved run's.

        Raises:
            RunError: The identity or the module differs.
        """
        saved = self.state.check(checkpoint)
        if not allow_changes:
            require_identity(checkpoint.path, saved, self.identity)
        self.state.restore(checkpoint)
        self._saved_step = checkpoint.step

    def run(
        self,
        budget: Budget,
        stop: StopRequest | None = None,
        watch: Watch | None = None,
        allow_changes: bool = False,
    ) -> Iterator[Event]:
        """Train until the budget is spent, from the newest intact checkpoint if there is one.

        Args:
            budget: Length of the run over all its sessions.
            stop: Once it is set, training finishes its step, saves and raises ``Interrupted``.
            watch: Actions between steps, such as evaluations and previews; by default none.
            allow_changes: See :meth:`restore`.

        Yields:
            Started, then Progress, Saved, Skipped, Warned and the events of ``watch`` as they
            come, then Done.

        Raises:
            Diverged: A loss, a gradient or a weight is not finite. Nothing is saved after it.
            DiskFull: A checkpoint does not fit; the older ones are intact.
            Interrupted: ``stop`` was set; everything is saved.
            RunError: The newest checkpoint does not fit this run.
        """
        if self.settings.threads is not None:
            torch.set_num_threads(self.settings.threads)
        if self._device.type == "cpu":
            keep_freed_memory()
        watch = watch or Watch()
        yield from self._resume(allow_changes)
        yield from self._begin(budget)
        if self.state.progress < 1.0:
            yield from self._train(budget, stop or StopRequest(), watch)
        yield from self._save(watch)
        if self.settings.preview_minutes is not None:
            yield from self._preview(watch)
        yield from watch.done(self.state.step)
        yield self._done()

    def _resume(self, allow_changes: bool) -> Iterator[Event]:
        self.checkpoints.sweep()
        checkpoint, warnings = self.checkpoints.load_latest(self.state.check)
        yield from warnings
        if checkpoint is not None:
            self.restore(checkpoint, allow_changes)
        # While a checkpoint is being written, the ones that it replaces still exist.
        missing = self.checkpoints.keep + 1 - len(self.checkpoints.steps())
        self.checkpoints.require_room(self.state.expected_size(), count=max(1, missing))

    def _begin(self, budget: Budget) -> Iterator[Event]:
        state = self.state
        compiled = choose_compile(
            self.settings.compile, self._device, budget.minutes, is_repeated(state.module)
        )
        self._compiled = compiled.choice == "on"
        if self._compiled:
            compile_parts(state.module)
        yield Started(
            step=state.step,
            samples=state.samples,
            elapsed=state.elapsed,
            parameters=sum(p.numel() for p in state.module.parameters() if p.requires_grad),
            device=str(self._device),
            precision=str(self._precision),
            attention=str(self._attention),
            compile=str(compiled),
            resumed=self._saved_step is not None,
        )
        before, state.progress = state.progress, budget.progress(state.step, state.elapsed)
        if abs(state.progress - before) > 1e-9:
            yield Warned(
                step=state.step,
                message=f"The length of the run changed: {before:.0%} of it was done, now "
                f"{state.progress:.0%}. The learning rate follows the new length and cools down "
                f"over its last {self.settings.learning_rate.cooldown:.0%}.",
            )

    def _train(self, budget: Budget, stop: StopRequest, watch: Watch) -> Iterator[Event]:
        state, settings = self.state, self.settings
        pace = Pace(state.step, state.samples, state.elapsed)
        report = Cadence(settings.progress_seconds, share=1.0)
        # Much can go wrong in the first minutes, whatever the interval is.
        first = math.inf if self._saved_step is not None else _FIRST_SAVE_SECONDS
        save = Cadence(every(settings.save_minutes), first=first)
        preview = Cadence(every(settings.preview_minutes))
        evaluate = Cadence(_EVALUATE_SECONDS, _EVALUATE_SHARE)
        state.module.train()
        with self._prefetcher(budget) as batches:
            while state.progress < 1.0:
                batch = batches.next()
                if self._compiled:
                    yield from self._check_compiled(batch)
                skipped = self._stepper.apply(batch)
                if skipped is not None:
                    places = () if skipped.of_weights else skipped.places
                    yield Skipped(step=state.step - 1, places=places, why=skipped.why)
                state.elapsed = pace.tick(state.step, state.samples, batches.waited)
                state.progress = budget.progress(state.step, state.elapsed)
                # Before the step is saved, as a resumed run starts after its checkpoint.
                if state.step.bit_count() == 1:
                    yield from watch.power_of_two(state.step)
                if report.due() or state.progress >= 1.0:
                    with report.turn():
                        yield self._progress(budget, pace)
                # Before the step is saved, for the same reason.
                if self._is_evaluation_step(evaluate) or state.progress >= 1.0:
                    with evaluate.turn():
                        yield from self._evaluate(watch)
                if stop.signum is not None and state.progress < 1.0:
                    yield from self._save(watch)
                    raise _interrupted(stop.signum, state.step)
                if save.due() or self._is_save_step():
                    with save.turn():
                        yield from self._save(watch)
                if preview.due():
                    with preview.turn():
                        yield from self._preview(watch)

    def _check_compiled(self, batch: Batch) -> Iterator[Event]:
        """Compare the compiled module with the uncompiled one, once; in doubt use the latter."""
        self._compiled = False
        with eager():
            expected = self._stepper.gradient_norm(batch)
        try:
            found = self._stepper.gradient_norm(batch)
        except Exception as error:  # A compiler can raise anything.
            why = f"it failed: {brief(error)}"
        else:
            # Another order of sums, or other dropout, changes the norm by a few per cent at most.
            if not math.isfinite(expected) or 0.8 * expected <= found <= 1.25 * expected:
                return
            why = f"its gradient has a norm of {found:g} where {expected:g} is right"
        as_written(self.state.module)
        yield Warned(
            step=self.state.step,
            message=f"The compiled network is not used, {why}. Training continues uncompiled.",
        )

    def _prefetcher(self, budget: Budget) -> Prefetcher[Batch]:
        def load(step: int) -> Batch:
            return trees.to_device(self._batches(step), self._device)

        loaders = self.settings.loaders or loader_threads(self._device)
        start, timeout = self.state.step, self.settings.batch_timeout
        return Prefetcher(load, start, budget.steps, timeout, loaders)

    def _is_evaluation_step(self, cadence: Cadence) -> bool:
        interval, samples = self.settings.evaluate_samples, self.state.samples
        if interval is None:
            return cadence.due()
        # A function of the step alone, so that a resumed run evaluates at the same steps.
        return samples // interval > (samples - self.settings.batch) // interval

    def _evaluate(self, watch: Watch) -> Iterator[Event]:
        """Let the watch measure the averaged weights."""
        # The module is compiled for training, and other shapes would be compiled separately.
        with eager():
            yield from watch.evaluate(self.state.step)
        self.state.module.train()

    def _preview(self, watch: Watch) -> Iterator[Event]:
        """Let the watch preview the averaged weights."""
        with eager():
            yield from watch.preview(self.state.step)
        self.state.module.train()

    def _is_save_step(self) -> bool:
        interval = self.settings.save_steps
        regular = interval is not None and self.state.step % interval == 0
        return regular or self.checkpoints.is_milestone(self.state.step)

    def _save(self, watch: Watch) -> Iterator[Event]:
        """Save, unless this step is already on the disk."""
        if self._saved_step == self.state.step:
            return
        began = time.monotonic()
        self._stepper.check_all()
        scalars = {"identity": self.identity, **self.state.scalars()}
        path = self.checkpoints.save(self.state.step, self.state.tensors(), scalars)
        self._saved_step = self.state.step
        seconds = time.monotonic() - began
        yield from watch.saved(self.state.step)
        yield Saved(step=self.state.step, path=path, seconds=seconds)

    def _progress(self, budget: Budget, pace: Pace) -> Progress:
        self._stepper.check()
        return Progress(
            step=self.state.step,
            steps=budget.steps,
            share=self.state.progress,
            samples=self.state.samples,
            loss=self.state.loss,
            lr=self._stepper.lr,
            grad_norm=self._stepper.grad_norm,
            samples_per_second=pace.samples_per_second,
            waiting=pace.waiting,
            eta_seconds=pace.eta(budget),
            elapsed=self.state.elapsed,
        )

    def _done(self) -> Done:
        return Done(
            step=self.state.step,
            samples=self.state.samples,
            loss=self.state.loss,
            elapsed=self.state.elapsed,
        )


def _interrupted(signum: int, step: int) -> Interrupted:
    return Interrupted(
        f"Training was stopped after step {step}; everything is saved.",
        signum=signum,
        hint="Run the same command again to resume.",
    )
