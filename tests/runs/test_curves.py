from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from sfumato.runs.directory import RunDirectory
from sfumato.runs.info import curves, info
from sfumato.runs.spec import read


def log(folder: Path, *lines: dict[str, object]) -> RunDirectory:
    directory = RunDirectory(folder)
    directory.log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return directory


def metric(step: int, value: float | None, name: str = "held-out loss") -> dict[str, object]:
    return {"event": "metric", "step": step, "name": name, "value": value}


def test_each_measure_is_a_curve(tmp_path: Path) -> None:
    found = curves(
        log(
            tmp_path,
            {"event": "started", "step": 0},
            {"event": "progress", "step": 1, "loss": 0.9},
            metric(2, 0.5),
            metric(2, 0.4, "training loss"),
            metric(4, 0.3),
        )
    )
    assert found == {
        "training loss as it goes": ((1, 0.9),),
        "held-out loss": ((2, 0.5), (4, 0.3)),
        "training loss": ((2, 0.4),),
    }


def test_what_a_crash_lost_is_left_out(tmp_path: Path) -> None:
    found = curves(
        log(
            tmp_path, metric(2, 0.5), metric(4, 0.4), {"event": "started", "step": 3},
            metric(4, 0.45),
        )
    )  # fmt: skip
    assert found["held-out loss"] == ((2, 0.5), (4, 0.45))


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    assert curves(log(tmp_path, metric(2, None))) == {}


def test_what_is_no_number_does_not_end_a_summary(runs: Callable[..., Path]) -> None:
    directory = RunDirectory(runs("unet"))
    for odd in ("x", [], {}, True, 10**400, -(10**400), float("inf")):
        numbers = dict.fromkeys(("step", "samples", "loss", "elapsed", "value"), odd)
        log(
            directory.root,
            {"event": "progress", **numbers},
            {"event": "metric", "name": "held-out loss", **numbers},
            {"event": ["done"], "name": ["a"], **numbers},
        )
        found = info(directory, read(directory.spec))
        names = ("step", "samples", "loss", "held_out_loss", "minutes")
        assert [found[name] for name in names] == [0, 0, None, None, 0.0]
        assert curves(directory) == {}


def test_without_a_log_there_are_none(tmp_path: Path) -> None:
    assert curves(RunDirectory(tmp_path)) == {}
