"""SIGKILL at random moments of sampling texts, whose file is whole at each of them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sfumato.run import open_run
from tests.faults.tally import Tally
from tests.processes import Commands, wait_for

_COUNT = 240
_LONGEST = 0.7


def test_of_sampling_texts(
    tmp_path: Path,
    finished_texts: Path,
    commands: Commands,
    tally: Tally,
    count: Callable[..., int],
) -> None:
    """The file has whole lines of the first texts, each that of an unbroken sampling."""
    fault = tally.fault("03 texts", "SIGKILL in sampling texts: samples.jsonl is whole")
    draw = random.Random(4)
    (tmp_path / "runs").symlink_to(finished_texts)
    texts = open_run(finished_texts / "prose").sample(_COUNT, batch=4)
    whole = [
        {"text": text, "recipe": origin.stored()}
        for text, origin in zip(texts, texts.provenance, strict=True)
    ]
    fell_inside = trials = 0
    wanted = count(2, 0.1)
    while fell_inside < wanted:
        trials += 1
        assert trials <= 3 * wanted + 5, "the kills never fell between the first text and the last"
        out = tmp_path / f"out-{trials}"
        samples = out / "samples.jsonl"
        with fault.trial() as trial:
            pid = commands.start(
                tmp_path, "sample", "prose", "-n", str(_COUNT), "--batch", "4", "--out", str(out)
            )
            wait_for(samples)
            time.sleep(draw.uniform(0.0, _LONGEST))
            commands.end(pid)
            found = _lines(samples)
            assert found == whole[: len(found)]
            trial.counts = 0 < len(found) < _COUNT
        fell_inside += trial.counts


def _lines(path: Path) -> list[Any]:
    content = path.read_text("utf-8")
    assert content.endswith("\n")
    return [json.loads(line) for line in content.removesuffix("\n").split("\n")]
