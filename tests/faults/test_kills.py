"""SIGKILL at random moments: of saves, of training, of everything before and after."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import planned, resume, train
from tests.conftest import TINY
from tests.faults.tally import Tally
from tests.media_runs import TINY_SOUNDS, TINY_TEXT, babble, play
from tests.processes import Commands, Jobs, options, state_of, wait_for

_STEPS = 24
_CHANGES = ("engine.save_steps=1", "engine.evaluate_samples=12", "data.held_out=0.2")
_DROPOUT = "backbone.dropout=0.2"
_LONGEST = 1.2
_RUNS: dict[str, Callable[[Path, Path], tuple[str, tuple[str, ...], Path, float]]] = {
    "pictures": lambda _, pictures: ("image", (*TINY, _DROPOUT), pictures, 1.0),
    "sounds": lambda place, _: ("audio", (*TINY_SOUNDS, _DROPOUT), play(place / "tones"), 0.25),
    "texts": lambda place, _: ("text", TINY_TEXT, babble(place / "prose.txt"), 0.25),
}
"""Of each medium: its recipe, settings, data, and share of the trials."""


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


@dataclass(frozen=True)
class Begun:
    """A short run, and what an unbroken one learns.

    Attributes:
        medium: Of the data.
        command: That begins it as ``cut``.
        learnt: See :func:`~tests.processes.state_of`.
        share: Of all trials.
    """

    medium: str
    command: list[str]
    learnt: dict[str, str]
    share: float


@pytest.fixture(params=list(_RUNS))
def begun(request: pytest.FixtureRequest, tmp_path: Path, pictures: Path) -> Begun:
    medium: str = request.param
    recipe, changes, data, share = _RUNS[medium](tmp_path, pictures)
    plan = planned(recipe, steps=_STEPS, changes=(*changes, *_CHANGES))
    for _ in train(data, plan, "whole", tmp_path / "unbroken"):
        pass
    command = ["train", str(data), "--recipe", recipe, "--name", "cut", "--steps", str(_STEPS)]
    return Begun(
        medium,
        [*command, *options((*changes, *_CHANGES))],
        state_of(tmp_path / "unbroken/whole"),
        share,
    )


def test_of_training(
    begun: Begun, tmp_path: Path, commands: Commands, tally: Tally, count: Callable[..., int]
) -> None:
    """Killed again and again, a run goes on each time and ends at the bits of an unbroken one."""
    place = f"02 {begun.medium}"
    fault = tally.fault(
        place, f"SIGKILL anywhere in training on {begun.medium}: the run ends at the same bits"
    )
    draw = random.Random(place)
    killed, trials = 0, count(4, begun.share)
    for life in range(10 * trials):
        folder = tmp_path / str(life)
        folder.mkdir()
        run = RunDirectory(folder / "runs/cut")
        deaths = 0
        while deaths < 5 and killed < trials:
            with fault.trial():
                command = ["resume", "cut"] if run.spec.exists() else begun.command
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
            assert state_of(run.root) == begun.learnt
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
