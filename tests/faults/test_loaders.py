"""Threads that load batches: one fails, one hangs. It is said which step and which files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from sfumato.errors import DataError
from sfumato.training.batches import Batches
from sfumato.training.train import planned, train
from tests.faults.tally import Tally


@pytest.mark.parametrize("loaders", [1, 3])
def test_one_fails(
    loaders: int,
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tally: Tally,
) -> None:
    fault = tally.fault("20", "a loader fails or hangs: step, cause and files are named")
    make = Batches.__call__

    def failing(self: Batches, step: int) -> Any:
        if step == 5:
            raise OSError(5, "Input/output error", "cat/3.png")
        return make(self, step)

    monkeypatch.setattr(Batches, "__call__", failing)
    plan = planned("image", steps=9, changes=(*tiny, f"engine.loaders={loaders}"))
    with fault.trial():
        with pytest.raises(OSError, match=r"cat/3\.png") as caught:
            list(train(pictures, plan, "run", tmp_path))
        assert "while preparing the batch of step 5" in caught.value.__notes__
        assert _loading() == 0


def test_one_hangs(
    tmp_path: Path,
    pictures: Path,
    tiny: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tally: Tally,
) -> None:
    fault = tally.fault("20", "a loader fails or hangs: step, cause and files are named")
    make, released = Batches.__call__, threading.Event()

    def hanging(self: Batches, step: int) -> Any:
        if step == 5:
            released.wait(60)
        return make(self, step)

    monkeypatch.setattr(Batches, "__call__", hanging)
    plan = planned("image", steps=9, changes=(*tiny, "engine.batch_timeout=0.5"))
    with fault.trial():
        try:
            with pytest.raises(DataError) as caught:
                list(train(pictures, plan, "run", tmp_path))
        finally:
            released.set()
        assert "batch of step 5 did not arrive within 0.5 s" in caught.value.what
        assert ".png" in caught.value.why


def _loading() -> int:
    return sum(thread.name == "sfumato-batches" for thread in threading.enumerate())
