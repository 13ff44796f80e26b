"""A loss, a gradient or a weight that is not a number: named, never saved, skipped if asked."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Warned
from sfumato.errors import Diverged
from sfumato.runs.directory import RunDirectory
from sfumato.training.batches import Batches
from sfumato.training.train import planned, resume, train
from tests.faults.tally import Tally

_STEPS = 12
_BAD = (math.nan, math.inf, -math.inf)


def spoil(patch: pytest.MonkeyPatch, step: int, place: int, value: float) -> None:
    """One number of one picture of one step."""
    make = Batches.__call__

    def spoilt(self: Batches, asked: int) -> Any:
        batch = make(self, asked)
        if asked == step:
            batch.x0[place].view(-1)[7] = value
        return batch

    patch.setattr(Batches, "__call__", spoilt)


def require_finite(run: RunDirectory) -> None:
    """Of whatever is on the disk."""
    for _, path in CheckpointStore(run.checkpoints).steps():
        for named in CheckpointStore(run.checkpoints).load(path).tensors.values():
            assert all(torch.isfinite(t).all() for t in named.values() if t.is_floating_point())


def test_stop(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    tally: Tally,
    count: Callable[..., int],
) -> None:
    fault = tally.fault("18", "a loss that is not finite: step and file named, none saved")
    draw = random.Random(18)
    plan = planned("image", steps=_STEPS, changes=(*tiny, "engine.save_steps=2"))
    for trial in range(count(3, 0.1)):
        step, place, value = draw.randrange(_STEPS), draw.randrange(4), draw.choice(_BAD)
        run = RunDirectory(tmp_path / str(trial))
        with fault.trial():
            with pytest.MonkeyPatch.context() as patch:
                spoil(patch, step, place, value)
                with pytest.raises(Diverged, match=f"step {step}") as caught:
                    list(train(pictures, plan, str(trial), tmp_path))
            assert caught.value.places == (place,)
            assert ".png" in caught.value.why
            require_finite(run)
            for _ in resume(run):  # The batch is sound now.
                pass
            require_finite(run)


def test_skip(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    tally: Tally,
    count: Callable[..., int],
) -> None:
    fault = tally.fault("19", "the same with engine.on_divergence=skip: the run goes on")
    draw = random.Random(19)
    changes = (*tiny, "engine.save_steps=2", "engine.on_divergence=skip")
    plan = planned("image", steps=_STEPS, changes=changes)
    for trial in range(count(2, 0.1)):
        step, place, value = draw.randrange(_STEPS), draw.randrange(4), draw.choice(_BAD)
        with fault.trial(), pytest.MonkeyPatch.context() as patch:
            spoil(patch, step, place, value)
            events = list(train(pictures, plan, str(trial), tmp_path))
            said = [event.message for event in events if isinstance(event, Warned)]
            assert any(f"Step {step} is skipped" in line and ".png" in line for line in said)
            require_finite(RunDirectory(tmp_path / str(trial)))
