from __future__ import annotations

import json
from pathlib import Path

from sfumato.runs.directory import RunDirectory
from sfumato.runs.info import curves


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


def test_without_a_log_there_are_none(tmp_path: Path) -> None:
    assert curves(RunDirectory(tmp_path)) == {}
