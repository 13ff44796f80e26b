from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from torch import Tensor

from sfumato.evaluation.exhibits import Plot
from sfumato.evaluation.findings import Findings
from sfumato.evaluation.report import Report, Split
from sfumato.evaluation.steps import quality_by_steps
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.runs.measuring import Measuring
from tests.evaluation.clouds import cloud, seen


def better_with_steps(n: int, steps: int, what: str) -> Generator[Measuring, None, Tensor]:
    yield Measuring(what, 0, n)
    return cloud(n, steps, centre=4 / steps)


def findings(name: str, held_out: int = 60) -> Findings:
    report = Report(
        name, "pictures", "m" * 16, "latest", 10, 0, Split("data", 120, 60, None, "f" * 16), {},
        (), (),
    )  # fmt: skip
    return Findings(
        report, (), (seen(cloud(40, 1), held_out=held_out),), None, None, better_with_steps
    )


def plotted(*runs: Findings) -> Plot:
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
    run = findings("one")
    plot = plotted(run, findings("two"))
    assert [line.name for line in plot.lines] == ["one", "two"]
    (line, _) = plot.lines
    assert line.x == (2, 4, 8)
    assert line.y[0] > line.y[1] > line.y[2]
    features = run.seen[0]
    kernel = GaussianKernel.of(features.training)
    expected: Any = kernel_distance(cloud(50, 8, centre=0.5), features.held_out, kernel)
    assert line.y[2] == pytest.approx(100 * expected.value)
    assert line.low[2] == pytest.approx(100 * expected.low)
    assert line.high[2] == pytest.approx(100 * expected.high)
    assert "held-out" in plot.about


def test_without_held_out_items_training_items_stand_in() -> None:
    assert "training items" in plotted(findings("one", held_out=0)).about
