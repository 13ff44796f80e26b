from __future__ import annotations

import json
from pathlib import Path

from sfumato.evaluation.display import training_plots
from sfumato.runs.directory import RunDirectory


def logged(folder: Path, *names: str) -> RunDirectory:
    directory = RunDirectory(folder)
    lines = [
        {"event": "metric", "step": step, "name": name, "value": 1.0 / step}
        for name in names
        for step in (1, 2)
    ]
    directory.log.write_text("\n".join(map(json.dumps, lines)))
    return directory


def test_held_out_and_training_are_drawn_together(tmp_path: Path) -> None:
    (plot,) = training_plots(logged(tmp_path, "held-out loss", "training loss"))
    assert [line.name for line in plot.lines] == ["held-out loss", "training loss"]
    assert (plot.lines[0].x, plot.lines[0].y) == ((1.0, 2.0), (1.0, 0.5))
    assert plot.y_title == "loss"


def test_text_has_its_own_unit(tmp_path: Path) -> None:
    (plot,) = training_plots(logged(tmp_path, "held-out bits per character"))
    assert plot.y_title == "bits per character"


def test_many_points_are_thinned_and_the_last_one_kept(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    lines = [
        {"event": "metric", "step": step, "name": "held-out loss", "value": float(step)}
        for step in range(5000)
    ]
    directory.log.write_text("\n".join(map(json.dumps, lines)))
    (plot,) = training_plots(directory)
    (line,) = plot.lines
    assert len(line.x) == 300
    assert (line.x[0], line.y[0]) == (0, 0.0)
    assert (line.x[-1], line.y[-1]) == (4999, 4999.0)


def test_without_measures_nothing_is_drawn(tmp_path: Path) -> None:
    assert training_plots(RunDirectory(tmp_path)) == ()
