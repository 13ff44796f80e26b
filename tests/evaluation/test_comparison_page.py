from __future__ import annotations

from sfumato.evaluation.comparison_page import page
from sfumato.evaluation.exhibits import Line, Plot
from tests.evaluation.markup import harmless
from tests.evaluation.reports import HOSTILE, compared


def test_both_runs_stand_side_by_side() -> None:
    found = compared()
    plot = Plot("quality against steps", "lower is better", "steps", "distance",
                (Line("one", (5.0, 10.0), (2.0, 1.0)),))  # fmt: skip
    read = harmless(page(found, (plot,)))
    for row in found.rows:
        for text in (row.title, row.ours.text, row.theirs.text, row.verdict):
            assert text in read.text
    for text in ("one", "<other>", "-0.500 (-0.900 to -0.100)", "paired", HOSTILE, plot.title):
        assert text in read.text
    assert read.tags.count("table") == 1
    assert "svg" in read.tags
