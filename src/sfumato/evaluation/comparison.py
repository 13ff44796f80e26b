"""What a comparison of two runs found, in a form that knows no medium."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sfumato
from sfumato.evaluation.report import Figure, Report

FORMAT = 1


@dataclass(frozen=True)
class Row:
    """One figure of both runs.

    Attributes:
        section: Title of the section that it is from.
        title: What is measured.
        key: Its full key, ``section/figure``, as in both reports.
        ours, theirs: Of the first run and of the second.
        difference: Of the first from the second, item by item; None where nothing is paired.
        verdict: Which run is better, if that can be told; empty without a difference.
    """

    section: str
    title: str
    key: str
    ours: Figure
    theirs: Figure
    difference: Figure | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        reports: Of the first run and of the second.
        rows: The figures that both have.
        notes: What to bear in mind.
    """

    reports: tuple[Report, Report]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def runs(self) -> tuple[str, str]:
        """The names of the runs."""
        first, second = self.reports
        return first.run, second.run

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "format": FORMAT,
            "sfumato": sfumato.__version__,
            "runs": [_about(report) for report in self.reports],
            "split": asdict(self.reports[0].split),
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
        }


def _about(report: Report) -> dict[str, Any]:
    names = ("run", "medium", "model", "snapshot", "step", "seed", "sampling")
    return {name: getattr(report, name) for name in names}
