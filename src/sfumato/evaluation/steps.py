"""Quality against the number of network evaluations."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from sfumato.evaluation.exhibits import Line, Plot
from sfumato.evaluation.findings import Findings
from sfumato.metrics.kernel_distance import LEAST, kernel_distance
from sfumato.runs.measuring import Measuring

STEPS = (5, 8, 12, 20, 35, 50)


def quality_by_steps(
    runs: Sequence[Findings], steps: Sequence[int], n: int
) -> Generator[Measuring, None, Plot]:
    """Distances of samples that were made with few evaluations, and with many.

    Args:
        runs: Evaluations of one or more runs on the same real items; each keeps its sampler and all
            other settings.
        steps: Numbers of network evaluations, ascending.
        n: Samples for each.
    """
    # All were held against the same real items.
    first = runs[0].seen[0]
    unseen = len(first.held_out) >= LEAST
    real, what = (first.held_out, "held-out") if unseen else (first.known, "training")
    lines = []
    for findings in runs:
        name = findings.report.run
        found = []
        for count in steps:
            features = yield from findings.again(n, count, f"{name}, {count} steps")
            distance = kernel_distance(features, real, first.kernel)
            found.append(tuple(100 * value for value in distance))
        values, low, high = zip(*found, strict=True)
        lines.append(Line(name, tuple(map(float, steps)), values, low, high))
    return Plot(
        "quality against steps",
        f"distance of {n:,} samples to {what} items by {first.name}; lower is better, and the "
        "bands are 95 % intervals",
        "network evaluations per sample",
        "distance x 100",
        tuple(lines),
    )
