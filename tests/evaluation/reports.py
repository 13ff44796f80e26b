"""A report and a comparison of every form that figures can take."""

from __future__ import annotations

from dataclasses import replace

from sfumato.evaluation.compare import Comparison, Row
from sfumato.evaluation.result import Figure, Report, Section, Split

HOSTILE = "<script>alert('x')</script> & \"quoted\" ]]>"

DISTANCE = Section(
    "distance/log-mel",
    "distance, log-mel",
    "How far they are.",
    (
        Figure("held_out", "samples to held-out", 0.875, 0.091, 2.634, 0.02, (600, 82)),
        Figure("frechet", "Fréchet distance", None, n=(600, 337), flag="too few of them"),
    ),
    "0123456789abcdef",
)
CLASSES = Section(
    "classes/log-mel",
    "classes",
    "Which are right.",
    (Figure("in_class", HOSTILE, 0.46, 0.41, 0.51, 0.52, (600,), ".1%", "flagged " + HOSTILE),),
)


def report(run: str = "shots") -> Report:
    return Report(
        run, "audio", "a" * 16, "best", 1200, 7, Split(HOSTILE, 255, 82, "elsewhere", "f" * 16),
        {"n": 600, "sampler": {"kind": "adams"}, "steps": 20, "label": None}, (DISTANCE, CLASSES),
        ("bear in mind", HOSTILE),
    )  # fmt: skip


def compared() -> Comparison:
    ours, theirs = report("one"), report("<other>")
    (first, second) = DISTANCE.figures
    difference = Figure("held_out", "difference", -0.5, -0.9, -0.1, n=(600, 82))
    rows = (
        Row(DISTANCE.title, first.title, "distance/log-mel/held_out", first,
            replace(first, value=1.375), difference, "one is better"),
        Row(DISTANCE.title, second.title, "distance/log-mel/frechet", second, second, None, ""),
    )  # fmt: skip
    return Comparison((ours, theirs), rows, ("paired", HOSTILE))
