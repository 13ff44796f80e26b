from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from torch import Tensor

from sfumato.evaluation.compare import quality_by_steps
from sfumato.evaluation.display import Plot
from sfumato.evaluation.evaluate import Evaluation
from sfumato.evaluation.result import Report, Split
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.runs.progress import Progress
from tests.evaluation.clouds import cloud, features_of


def better_with_steps(n: int, steps: int, what: str) -> Generator[Progress, None, Tensor]:
    yield Progress(what, 0, n)
    return cloud(n, steps, centre=4 / steps)


def evaluated(name: str, held_out: int = 60) -> Evaluation:
    report = Report(
        name, "image", "m" * 16, "latest", 10, 0, Split("data", 120, 60, None, "f" * 16), {},
        (), (),
    )  # fmt: skip
    return Evaluation(
        report, (), (features_of(cloud(40, 1), held_out=held_out),), None, None, better_with_steps
    )


def plotted(*runs: Evaluation) -> Plot:
    steps = quality_by_steps(runs, (2, 4, 8), 50)
    said = []
    while True:
        try:
            said.append(next(steps).what)
        except StopIteration as end:
            assert said == [
                f"{run.report.run}, {count} steps" for run in runs for count in (2, 4, 8)
            ]
            plot: Plot = end.value
            return plot


def test_each_run_is_a_line_of_distances() -> None:
    run = evaluated("one")
    plot = plotted(run, evaluated("two"))
    assert [line.name for line in plot.lines] == ["one", "two"]
    (line, _) = plot.lines
    assert line.x == (2, 4, 8)
    assert line.y[0] > line.y[1] > line.y[2]
    features = run.features[0]
    kernel = GaussianKernel.of(features.training)
    expected: Any = kernel_distance(cloud(50, 8, centre=0.5), features.held_out, kernel)
    assert line.y[2] == pytest.approx(100 * expected.value)
    assert line.low[2] == pytest.approx(100 * expected.low)
    assert line.high[2] == pytest.approx(100 * expected.high)
    assert "held-out" in plot.about


def test_without_held_out_items_training_items_stand_in() -> None:
    assert "training items" in plotted(evaluated("one", held_out=0)).about
