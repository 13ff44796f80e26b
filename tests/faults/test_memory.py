"""Too little memory: the process says so and what to do, and the run is as it was."""

from __future__ import annotations

import os
import resource
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.errors import OutOfMemory, SfumatoError
from sfumato.run import open_run
from sfumato.runs.directory import RunDirectory
from sfumato.runs.verify import verify
from sfumato.training.train import planned, train
from tests.faults.tally import Tally

Runs = Callable[..., Path]


def short_of_memory(work: Callable[[], object], more: int) -> int:
    """The exit code of some work in a child that may have so many bytes more than it has."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + more
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            work()
        except SfumatoError as error:
            code = error.exit_code
        except BaseException:
            traceback.print_exc()
            code = 1
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_in_training(tmp_path: Path, pictures: Path, tiny: tuple[str, ...], tally: Tally) -> None:
    fault = tally.fault("24", "out of memory in training or sampling: code 8, with advice")
    plan = planned("image", steps=4, changes=(*tiny, "backbone.widths=[512, 2048]"))
    with fault.trial():
        work = lambda: list(train(pictures, plan, "run", tmp_path))  # noqa: E731
        assert short_of_memory(work, 150 << 20) == OutOfMemory.exit_code


def test_in_sampling(runs: Runs, tally: Tally) -> None:
    fault = tally.fault("24", "out of memory in training or sampling: code 8, with advice")
    run = RunDirectory(runs("unet"))
    with fault.trial():
        opened = open_run(run.root)
        work = lambda: opened.sample(400_000, steps=1, batch=400_000)  # noqa: E731
        assert short_of_memory(work, 200 << 20) == OutOfMemory.exit_code
        assert not verify(run).problems


def test_the_words(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_run(runs("unet"))

    def none_left(*_: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes.")

    monkeypatch.setattr(opened.model, "_batch", none_left)
    with pytest.raises(OutOfMemory, match=r"does not fit into memory\.(.|\n)*--batch"):
        opened.sample(1, steps=1)
