"""The clock jumps, back by years and forward by years: nothing takes it for the time of the run."""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path

import pytest

from sfumato import storage
from sfumato.engine.events import Progress
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned, train
from tests.faults.tally import Tally

_YEARS = 3e8


@pytest.mark.parametrize("jump", [-_YEARS, _YEARS])
def test_in_training(
    jump: float,
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tally: Tally,
) -> None:
    fault = tally.fault("25", "the clock jumps by years: lengths, order and leftovers are right")
    now, calls = time.time(), itertools.count()
    monkeypatch.setattr(time, "time", lambda: now + jump * next(calls))
    plan = planned("image", minutes=0.02, changes=tiny)
    with fault.trial():
        began = time.monotonic()
        events = list(train(pictures, plan, "run", tmp_path))
        assert time.monotonic() - began < 60
        said = [event for event in events if isinstance(event, Progress)]
        assert said
        assert all(0 <= event.elapsed < 60 for event in said)
        assert all(event.eta_seconds >= 0 or math.isnan(event.eta_seconds) for event in said)
        log = RunDirectory(tmp_path / "run").log.read_text().splitlines()
        steps = [json.loads(line)["step"] for line in log]
        assert steps == sorted(steps)


def test_drafts_of_the_living_are_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    """A day seems to have passed since another process began to write."""
    fault = tally.fault("25", "the clock jumps by years: lengths, order and leftovers are right")
    dead = tmp_path / ".partial-set-0123456789abcdef"
    now = time.time()
    with fault.trial(), storage.new_folder(tmp_path / "set") as draft:
        (draft / "a").write_text("a")
        dead.mkdir()
        monkeypatch.setattr(time, "time", lambda: now + _YEARS)
        assert storage.sweep(tmp_path) == [dead]
    assert (tmp_path / "set/a").read_text() == "a"
