"""Real processes, killed at work: what was saved is whole, and going on ends at the same bits."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned, resume, train

STEPS = 40
DROPOUT = "backbone.dropout=0.3"
SAVE = "engine.save_steps=4"
# Every third step, so that some evaluations lie between checkpoints.
EVALUATE = "engine.evaluate_samples=12"


class Commands(Protocol):
    def start(self, folder: Path, *arguments: str) -> int: ...
    def end(self, pid: int, signum: signal.Signals) -> int: ...


def arguments(pictures: Path, tiny: tuple[str, ...], steps: int) -> list[str]:
    settings = [
        word for change in (*tiny, DROPOUT, SAVE, EVALUATE) for word in ("--settings", change)
    ]
    return ["train", str(pictures), "--name", "cut", "--steps", str(steps), *settings]


def test_a_killed_run_ends_at_the_same_bits(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    commands: Commands,
    wait_for: Callable[[Path], None],
    state_of: Callable[[Path], dict[str, str]],
) -> None:
    pid = commands.start(tmp_path, *arguments(pictures, tiny, STEPS))
    # Twelve pictures, four a step: step 4 lies within an epoch.
    wait_for(tmp_path / "runs/cut/checkpoints/step-0000004/manifest.json")
    assert commands.end(pid, signal.SIGKILL) == -signal.SIGKILL
    reached = CheckpointStore(tmp_path / "runs/cut/checkpoints").steps()[-1][0]
    assert 4 <= reached < STEPS
    events = list(resume(RunDirectory(tmp_path / "runs/cut")))
    assert [e.step for e in events if type(e).__name__ == "Started"] == [reached]  # type: ignore[union-attr]

    plan = planned("image", steps=STEPS, changes=(*tiny, DROPOUT, SAVE, EVALUATE))
    for _ in train(pictures, plan, "whole", tmp_path / "runs"):
        pass
    assert state_of(tmp_path / "runs/cut") == state_of(tmp_path / "runs/whole")
    assert not list((tmp_path / "runs/cut").rglob(".partial-*"))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    commands: Commands,
    wait_for: Callable[[Path], None],
    signum: signal.Signals,
) -> None:
    pid = commands.start(tmp_path, *arguments(pictures, tiny, 100_000))
    wait_for(tmp_path / "runs/cut/checkpoints/latest")
    assert commands.end(pid, signum) == 128 + signum
    said = (tmp_path / "stderr.txt").read_text()
    assert "Traceback" not in said
    assert "hint: continue with: sfumato resume runs/cut" in said
    run = RunDirectory(tmp_path / "runs/cut")
    step = CheckpointStore(run.checkpoints).steps()[-1][0]
    assert f"stopped after step {step}" in said
    assert run.model.is_file()
    last = [json.loads(line) for line in run.log.read_text().splitlines()][-1]
    assert (last["event"], last["step"]) == ("saved", step)
