"""Sample *i* of a seed is the same whatever else is made, in whatever batches; and again later."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sfumato.model.options import SampleOptions
from sfumato.run import open_run
from sfumato.verbs.sample import sample_files
from tests.faults.tally import Tally

_MOST = 20


def test_in_any_batch(finished_runs: Path, tally: Tally, count: Callable[..., int]) -> None:
    fault = tally.fault("26", "a sample in any batch, and made again from its file: the same bits")
    draw = random.Random(26)
    run = open_run(finished_runs / "unet")
    expected = run.sample(_MOST, seed=5, batch=1, steps=3).items
    for _ in range(count(4, 0.2)):
        with fault.trial():
            first = draw.randrange(_MOST)
            n, batch = draw.randint(1, _MOST - first), draw.randint(1, _MOST)
            found = run.sample(n, seed=5, first=first, batch=batch, steps=3).items
            assert np.array_equal(found, expected[first : first + n])


def test_from_its_file(
    tmp_path: Path, runs: Callable[..., Path], tally: Tally, count: Callable[..., int]
) -> None:
    fault = tally.fault("26", "a sample in any batch, and made again from its file: the same bits")
    runs("unet")
    draw = random.Random(27)
    for trial in range(count(2, 0.05)):
        asked = SampleOptions(3, seed=draw.randrange(1000), steps=draw.randint(1, 5))
        out, again = tmp_path / f"out-{trial}", tmp_path / f"again-{trial}"
        with fault.trial():
            list(sample_files("unet", asked, out=out))
            path = out / f"{draw.randrange(3):05d}.png"
            list(sample_files(None, SampleOptions(), out=again, like=path))
            (made,) = [p for p in again.glob("*.png") if p.name[0].isdigit()]
            assert made.read_bytes() == path.read_bytes()
