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
from PIL import Image

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.sound.open import read_audio
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
            with fault.trial() as trial:
                command = ["resume", "cut"] if run.spec.exists() else begun.command
                pid = commands.start(folder, *command)
                wait_for(run.spec)  # Before there is a spec, no run has begun.
                time.sleep(draw.uniform(0.0, _LONGEST))
                code = commands.end(pid)
                assert code in (0, -signal.SIGKILL), (folder / "stderr.txt").read_text()
                trial.counts = code != 0
                assert not verify(run).problems
            if code == 0:
                break
            deaths, killed = deaths + 1, killed + trial.counts
        for _ in resume(run):
            pass
        assert state_of(run.root) == begun.learnt
        assert not list(run.root.rglob(".partial-*"))
        if killed >= trials:
            return
    pytest.fail("the run was always finished before it could be killed")


@pytest.mark.parametrize(
    ("medium", "arguments"),
    [
        ("pictures", ("unet", "-n", "400", "--batch", "4")),
        ("sounds", ("tones", "-n", "400", "--batch", "4")),
    ],
)
def test_of_sampling(
    medium: str,
    arguments: tuple[str, ...],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    commands: Commands,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """Every trial falls between the first file and the last one: what is there is whole."""
    fault = tally.fault(
        f"03 {medium}", f"SIGKILL between two files of {medium}: every file that is there is whole"
    )
    draw = random.Random(f"3 {medium}")
    runs = {"pictures": "finished_runs", "sounds": "finished_sounds"}
    (tmp_path / "runs").symlink_to(request.getfixturevalue(runs[medium]))
    total = int(arguments[2])
    fell_inside = trials = 0
    wanted = count(2, 0.1)
    while fell_inside < wanted:
        trials += 1
        assert trials <= 3 * wanted + 5, "the kills never fell between two files"
        out = tmp_path / f"out-{trials}"
        with fault.trial() as trial:
            pid = commands.start(tmp_path, "sample", *arguments, "--out", str(out))
            wait_for(out)
            _wait_for_a_sample(out)
            time.sleep(draw.uniform(0.0, 0.2))
            commands.end(pid)
            trial.counts = 0 < _samples_in(out) < total
        fell_inside += trial.counts


def _wait_for_a_sample(out: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not any(path.name[0] != "." for path in out.iterdir()):
        assert time.monotonic() < deadline, "no sample came"
        time.sleep(0.001)


def _samples_in(out: Path) -> int:
    """The number of samples in a folder, after each was read in full."""
    samples = 0
    for path in out.iterdir():
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()
            samples += path.name != "sheet.png"
        elif path.suffix == ".wav":
            assert len(read_audio(path, 60.0).samples)
            samples += 1
    return samples
