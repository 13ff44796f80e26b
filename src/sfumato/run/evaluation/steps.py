"""Quality against the number of network evaluations."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.run.evaluation.exhibits import Line, Plot
from sfumato.run.evaluation.findings import Findings
from sfumato.run.measuring import Measuring

STEPS = (5, 8, 12, 20, 35, 50)


def quality_by_steps(
    runs: Sequence[Findings], steps: Sequence[int], n: int
) -> Generator[Measuring, None, Plot]:
    """Distances of samples that were made with few evaluations, and with many.

    Args:
        runs: Evaluations of one or more runs; each keeps its sampler and all other settings.
        steps: Numbers of network evaluations, ascending.
        n: Samples for each.
    """
    lines = []
    for findings in runs:
        principal, name = findings.seen[0], findings.report.run
        kernel = GaussianKernel.of(principal.training)
        unseen = len(principal.held_out) >= 3
        real = principal.held_out if unseen else principal.training
        found = []
        for count in steps:
            features = yield from findings.again(n, count, f"{name}, {count} steps")
            found.append(tuple(100 * value for value in kernel_distance(features, real, kernel)))
        values, low, high = zip(*found, strict=True)
        lines.append(Line(name, tuple(map(float, steps)), values, low, high))
    what = "held-out" if unseen else "training"
    return Plot(
        "quality against steps",
        f"distance of {n:,} samples to {what} items by {principal.name}; lower is better, and the "
        "bands are 95 % intervals",
        "network evaluations per sample",
        "distance x 100",
        tuple(lines),
    )
