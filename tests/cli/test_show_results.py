from __future__ import annotations

import pytest

from sfumato.cli import show_results
from tests.evaluation.reports import compared, report


def test_a_report_fits_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_results.report(report())
    out = capsys.readouterr().out
    for text in (
        "distance, log-mel", "samples to held-out", "0.875 (0.091 to 2.634)", "600, 82",
        "Fréchet distance: too few of them", "note: bear in mind",
    ):  # fmt: skip
        assert text in out
    rows = [line for line in out.splitlines() if line.startswith(("distance", "samples"))]
    assert all(len(line) <= 80 for line in rows)


def test_a_comparison_shows_values_and_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    show_results.compared(compared())
    out = capsys.readouterr().out
    for text in (
        "one", "<other>", "0.875", "1.375", "-0.500 (-0.900 to -0.100)",
        "samples to held-out: one is better", "note: paired",
    ):  # fmt: skip
        assert text in out
