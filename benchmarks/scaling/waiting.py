"""Which share of its time training waits for batches, by the number of files."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from files import SIDE, pictures
from tables import Row

from sfumato.engine.events import Progress
from sfumato.model.options import TrainOptions
from sfumato.training.train import planned_for, train

_COUNTS, _QUICK = (1_000, 100_000), (1_000,)
_SECONDS, _QUICK_SECONDS = 60.0, 6.0
_PLANS = {
    "image, as it is": (32, 64),
    # A network that needs little time for a batch leaves little to prepare the next one.
    "image, pictures of 8 x 8": (SIDE, 64),
}


def waiting(quick: bool) -> list[Row]:
    """A row for every size and network."""
    rows = []
    for count in _QUICK if quick else _COUNTS:
        with pictures(count) as root:
            os.environ["SFUMATO_CACHE"] = str(root / "cache")
            rows += [_row(root, count, name, quick) for name in _PLANS]
    return rows


def _row(root: Path, count: int, name: str, quick: bool) -> Row:
    side, batch = _PLANS[name]
    seconds = _QUICK_SECONDS if quick else _SECONDS
    changes = [f"medium.size={side}", f"engine.batch={batch}", "engine.preview_minutes=null"]
    options = TrainOptions(recipe="image", minutes=seconds / 60, settings=changes)
    plan = planned_for(root / "data", options)
    events = train(root / "data", plan, f"run-{side}", root / "runs")
    said = [event for event in events if isinstance(event, Progress)]
    last = said[-1]
    return {
        "files": count,
        "recipe": name,
        "batch": batch,
        "threads": torch.get_num_threads(),
        "samples/s": f"{last.samples_per_second:.0f}",
        "waiting, last 30 s": f"{last.waiting:.2%}",
        "waiting, first said": f"{said[0].waiting:.2%}",
        "steps": last.step,
    }
