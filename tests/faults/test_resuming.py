"""Stopped anywhere, with any number of threads that load, a run goes on to the same bits."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.engine.events import Saved
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned, resume, train
from tests.faults.tally import Tally
from tests.processes import state_of

_STEPS = 14
_CHANGES = ("backbone.dropout=0.2", "engine.save_steps=1", "engine.evaluate_samples=12")


@pytest.fixture
def whole(tmp_path: Path, pictures: Path, tiny: tuple[str, ...]) -> dict[str, str]:
    plan = planned("image", steps=_STEPS, changes=(*tiny, *_CHANGES))
    for _ in train(pictures, plan, "whole", tmp_path):
        pass
    return state_of(tmp_path / "whole")


def test_at_any_step(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    whole: dict[str, str],
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """Twelve pictures, four a step: some stops fall within an epoch and some between two."""
    fault = tally.fault("09", "stopped at any step, any number of loaders: the same bits")
    draw = random.Random(9)
    for trial in range(count(3, 0.1)):
        loaders = draw.choice((1, 2, 5))
        changes = (*tiny, *_CHANGES, f"engine.loaders={loaders}")
        run = RunDirectory(tmp_path / str(trial))
        with fault.trial():
            stops = sorted(draw.sample(range(1, _STEPS), 3))
            events = train(
                pictures, planned("image", steps=_STEPS, changes=changes), str(trial), tmp_path
            )
            for stop in stops:
                for event in events:
                    if isinstance(event, Saved) and event.step == stop:
                        break
                events.close()  # type: ignore[attr-defined]
                events = resume(run)
            for _ in events:
                pass
            assert state_of(run.root) == whole
