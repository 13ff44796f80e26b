"""SIGKILL at random moments: of saves, of training, of everything before and after."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.run.directory import RunDirectory
from sfumato.run.training import planned, resume, train
from sfumato.run.verify import verify
from tests.faults.tally import Tally
from tests.processes import Commands, Jobs, state_of, wait_for

_STEPS = 24
_CHANGES = (
    "backbone.dropout=0.2",
    "engine.save_steps=1",
    "engine.evaluate_samples=12",
    "data.held_out=0.2",
)
_LONGEST = 1.2


def test_of_saves(tmp_path: Path, jobs: Jobs, tally: Tally, count: Callable[..., int]) -> None:
    """A process that does nothing but save is killed; the newest checkpoint told of is whole."""
    fault = tally.fault("01", "SIGKILL in a save: the newest checkpoint loads, to the bit")
    draw = random.Random(1)
    fell_inside = 0
    trials = count(10)
    for trial in range(trials):
        # Each folder is crashed into many times over: leftovers of one trial are met by the next.
        directory = tmp_path / str(trial % 2)
        with fault.trial():
            pid = jobs.start("save_forever", directory, until="latest")
            time.sleep(draw.uniform(0.0, 0.08))
            jobs.end(pid)
            told = int((directory / "latest").read_text().strip().removeprefix("step-"))
            fell_inside += bool(list(directory.glob(".partial-*")))
            found, warnings = CheckpointStore(directory).load_latest()
            assert found is not None
            assert found.step >= told
            assert warnings == []
            expected = torch.full((200, 1000), float(found.step))
            assert torch.equal(found.tensors["weights"]["w"], expected)
            assert torch.equal(found.tensors["optimizer"]["w/m"], -expected)
    assert fell_inside >= trials // 10, "the kills never fell inside a save"


@pytest.fixture
def options(tiny: tuple[str, ...]) -> list[str]:
    return [word for change in (*tiny, *_CHANGES) for word in ("--set", change)]


@pytest.fixture
def whole(tmp_path: Path, pictures: Path, tiny: tuple[str, ...]) -> dict[str, str]:
    """What an unbroken run learns."""
    plan = planned("image", steps=_STEPS, changes=(*tiny, *_CHANGES))
    for _ in train(pictures, plan, "whole", tmp_path / "unbroken"):
        pass
    return state_of(tmp_path / "unbroken/whole")


def test_of_training(
    tmp_path: Path,
    pictures: Path,
    commands: Commands,
    options: list[str],
    whole: dict[str, str],
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """Killed again and again, a run goes on each time and ends at the bits of an unbroken one."""
    fault = tally.fault("02", "SIGKILL anywhere in training: the run ends at the same bits")
    draw = random.Random(2)
    begin = ["train", str(pictures), "--name", "cut", "--steps", str(_STEPS), *options]
    killed, trials = 0, count(4)
    for life in range(10 * trials):
        folder = tmp_path / str(life)
        folder.mkdir()
        run = RunDirectory(folder / "runs/cut")
        deaths = 0
        while deaths < 5 and killed < trials:
            with fault.trial():
                command = ["resume", "cut"] if run.spec.exists() else begin
                pid = commands.start(folder, *command)
                time.sleep(draw.uniform(0.0, _LONGEST))
                code = commands.end(pid)
                assert code in (0, -signal.SIGKILL), (folder / "stderr.txt").read_text()
                if run.spec.exists():
                    assert not verify(run).problems
            if code == 0:
                break
            deaths, killed = deaths + 1, killed + 1
        if run.spec.exists():
            for _ in resume(run):
                pass
            assert state_of(run.root) == whole
            assert not list(run.root.rglob(".partial-*"))
        if killed >= trials:
            return
    pytest.fail("the run was always finished before it could be killed")


def test_of_sampling(
    tmp_path: Path,
    finished_runs: Path,
    commands: Commands,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """What lies in a folder of samples is whole, and the next call has a folder of its own."""
    fault = tally.fault("03", "SIGKILL in sampling: every file that is there is whole")
    draw = random.Random(3)
    root = tmp_path / "runs"
    root.symlink_to(finished_runs)
    for trial in range(count(3, 0.1)):
        out = tmp_path / f"out-{trial}"
        with fault.trial():
            pid = commands.start(tmp_path, "sample", "unet", "-n", "64", "--out", str(out))
            wait_for(out)
            time.sleep(draw.uniform(0.0, 0.3))
            commands.end(pid)
            for path in out.glob("*.png"):
                _require_whole(path)


def _require_whole(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()
