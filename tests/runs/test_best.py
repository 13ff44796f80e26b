from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sfumato.engine.events import Kept, Metric
from sfumato.runs.directory import RunDirectory
from sfumato.runs.weights import Best, best_of, best_value, keep_if_best


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


def offer(run: RunDirectory, step: int, value: float) -> Kept | None:
    measured = Metric(step=step, name="held-out loss", value=value)
    return keep_if_best(run, measured, {"w": torch.tensor([float(step)])})


def weight(run: RunDirectory) -> float:
    return float(load_file(run.best)["w"])


def test_the_least_is_kept(run: RunDirectory) -> None:
    assert best_value(run) == math.inf
    assert offer(run, 1, 0.5) == Kept(step=1, name="held-out loss", value=0.5)
    assert offer(run, 2, 0.6) is None
    assert offer(run, 3, 0.5) is None
    assert weight(run) == 1
    assert offer(run, 4, 0.1 + 0.2) is not None
    assert weight(run) == 4
    # To the last bit, so that a resumed run decides as the unbroken one does.
    assert best_value(run) == 0.1 + 0.2
    assert best_of(run) == Best(4, "held-out loss", 0.1 + 0.2)


def test_what_is_no_number_is_never_best(run: RunDirectory) -> None:
    assert offer(run, 1, math.nan) is None
    assert not run.best.exists()


@pytest.mark.parametrize("content", [b"", b"x"])
def test_a_damaged_file_counts_for_nothing(run: RunDirectory, content: bytes) -> None:
    run.best.write_bytes(content)
    assert best_of(run) is None
    assert offer(run, 5, 9.0) is not None
    assert weight(run) == 5
