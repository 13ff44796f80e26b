"""One bit of one file of a run flips: it is named, and everything that can go on goes on."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from sfumato.errors import SfumatoError
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import resume
from tests.faults.tally import Tally

_SEALED = ("spec.json", "model.safetensors", "best.safetensors", "early/*", "checkpoints/*/*")


@pytest.fixture
def longer(tmp_path: Path, finished_runs: Path) -> RunDirectory:
    """A run with two checkpoints."""
    run = RunDirectory(Path(shutil.copytree(finished_runs / "unet", tmp_path / "longer")))
    for _ in resume(run, steps=6):
        pass
    return run


def test_anywhere(
    tmp_path: Path, longer: RunDirectory, tally: Tally, count: Callable[..., int]
) -> None:
    fault = tally.fault("05", "a bit of a run's file flips: named; goes on from what is whole")
    draw = random.Random(5)
    files = sorted(path for name in _SEALED for path in longer.root.glob(name))
    assert len(files) > 10
    for _ in range(count(12)):
        victim = draw.choice(files).relative_to(longer.root)
        run = RunDirectory(Path(shutil.copytree(longer.root, tmp_path / "flipped")))
        content = bytearray((run.root / victim).read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        (run.root / victim).write_bytes(content)
        with fault.trial():
            found = verify(run)
            named = [problem.path for problem in found.problems]
            # The name under which a seal is kept may itself be hit: the file is whole otherwise.
            assert len(named) <= 1
            if named:
                assert victim.as_posix().startswith(named[0])
            # What verify says can be done can be done, and nothing else.
            for snapshot in ("latest", "best"):
                with _refusal_unless(snapshot in found.samples):
                    open_run(run.root, snapshot).sample(1, steps=1)
            with _refusal_unless(found.resumes_from is not None):
                list(resume(run, steps=7))
        shutil.rmtree(run.root)


def _refusal_unless(possible: bool) -> AbstractContextManager[object]:
    return nullcontext() if possible else pytest.raises(SfumatoError)
