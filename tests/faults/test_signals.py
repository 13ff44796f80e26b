"""Ctrl-C and SIGTERM at random moments: everything is saved, by a code of its own."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from tests.faults.tally import Tally
from tests.processes import Commands, options, wait_for

_GRACE = 10.0
"""Seconds within which everything is saved."""


def endless(data: Path, changes: Sequence[str]) -> list[str]:
    """The command that begins a run as ``cut``, of more steps than there is time for."""
    return ["train", str(data), "--name", "cut", "--steps", "100000", *options(changes)]


def test_in_training(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    commands: Commands,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """Reading, warming up, stepping, evaluating, previewing and saving are all fallen into."""
    fault = tally.fault("14", "SIGTERM or Ctrl-C in training: saved within 10 s, code 143 or 130")
    draw = random.Random(14)
    changes = (*tiny, "engine.save_steps=20", "engine.evaluate_samples=40", "data.held_out=0.2")
    changes = (*changes, "engine.preview_minutes=0.002")
    command = endless(pictures, changes)
    for trial in range(count(4, 0.2)):
        folder = tmp_path / str(trial)
        folder.mkdir()
        run = RunDirectory(folder / "runs/cut")
        signum = draw.choice((signal.SIGINT, signal.SIGTERM))
        with fault.trial():
            pid = commands.start(folder, *command)
            wait_for(run.spec)
            time.sleep(draw.uniform(0.0, 1.5))
            began = time.monotonic()
            code = commands.end(pid, signum)
            assert time.monotonic() - began < _GRACE
            said = (folder / "stderr.txt").read_text()
            assert "Traceback" not in said
            assert code == 128 + signum, said
            found = verify(run)
            assert not found.problems
            step = max((step for step, _ in CheckpointStore(run.checkpoints).steps()), default=0)
            assert f"after step {step}" in said or step == 0


def test_twice(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    commands: Commands,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """The second ends it at once; what was saved is whole."""
    fault = tally.fault("15", "Ctrl-C twice: ends at once, what was saved before is whole")
    draw = random.Random(15)
    command = endless(pictures, (*tiny, "engine.save_steps=1"))
    for trial in range(count(2, 0.1)):
        folder = tmp_path / str(trial)
        folder.mkdir()
        run = RunDirectory(folder / "runs/cut")
        with fault.trial():
            pid = commands.start(folder, *command)
            wait_for(run.checkpoints / "latest")
            time.sleep(draw.uniform(0.0, 0.2))
            os.kill(pid, signal.SIGINT)
            time.sleep(draw.uniform(0.0, 0.01))
            assert commands.end(pid, signal.SIGINT) in (128 + signal.SIGINT, -signal.SIGINT)
            assert "Traceback" not in (folder / "stderr.txt").read_text()
            assert not verify(run).problems


def test_in_sampling(
    tmp_path: Path,
    runs: Callable[..., Path],
    commands: Commands,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    fault = tally.fault("16", "SIGTERM or Ctrl-C in sampling: ends within 10 s, code 143 or 130")
    runs("unet")
    draw = random.Random(16)
    for trial in range(count(2, 0.1)):
        signum = draw.choice((signal.SIGINT, signal.SIGTERM))
        out = tmp_path / f"out-{trial}"
        with fault.trial():
            pid = commands.start(tmp_path, "sample", "unet", "-n", "5000", "--out", str(out))
            wait_for(out)
            time.sleep(draw.uniform(0.0, 0.5))
            began = time.monotonic()
            assert commands.end(pid, signum) == 128 + signum
            assert time.monotonic() - began < _GRACE
            assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
