"""A disk that is really full: a small file system in memory, with less and less room."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.errors import DiskFull
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import planned, resume, train
from tests.faults.tally import Tally
from tests.processes import Commands, options, state_of

_MEBIBYTES = 24
_STEPS = 12
_CHANGES = ("engine.save_steps=2", "engine.evaluate_samples=12", "data.held_out=0.2")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_MEBIBYTES}m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path, left: int) -> Path:
    """Leave so many bytes free."""
    filler = place / "filler"
    with filler.open("wb") as file:
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        file.write(b"x" * max(0, free - left))
    return filler


def test_in_training(
    tmp_path: Path,
    small_disk: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    commands: Commands,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """The run stops with its own exit code, keeps what it had, and goes on to the same bits."""
    fault = tally.fault("04", "the disk fills up in training: code 7, goes on when there is room")
    changes = (*tiny, *_CHANGES)
    for _ in train(pictures, planned("image", steps=_STEPS, changes=changes), "whole", tmp_path):
        pass
    whole = state_of(tmp_path / "whole")
    draw = random.Random(4)
    stopped = 0
    for trial in range(count(3, 0.1)):
        home = small_disk / str(trial)
        home.mkdir()
        run = RunDirectory(home / "runs/full")
        with fault.trial():
            filler = fill(small_disk, left=draw.randrange(3 << 20))
            command = ["train", str(pictures), "--name", "full", "--steps", str(_STEPS)]
            command += options(changes)
            # Elsewhere, or its own messages would find no room.
            code = commands.wait(commands.start_saying(home, tmp_path / "said.txt", *command))
            said = (tmp_path / "said.txt").read_text()
            assert code in (0, DiskFull.exit_code), said
            assert "Traceback" not in said
            stopped += code == DiskFull.exit_code
            filler.unlink()
            if code and run.spec.exists():
                assert not verify(run).problems
                for _ in resume(run):
                    pass
            if run.spec.exists():
                assert state_of(run.root) == whole
        shutil.rmtree(home)
    assert stopped > 0, "there was always room"


def test_at_the_start(tmp_path: Path, small_disk: Path, tiny: tuple[str, ...]) -> None:
    """Refused before anything is written, with the estimate."""
    fill(small_disk, left=1 << 16)
    store = CheckpointStore(small_disk / "checkpoints")
    with pytest.raises(DiskFull, match=r"MiB are needed and 0\.\d MiB are free"):
        store.require_room(1 << 24)
    assert not store.directory.exists()
