"""How near to the exact end every sampler comes, ours and the peers', by number of evaluations.

    python benchmarks/sampler_accuracy [mixtures] [network]

Writes results.csv and README.md beside this file, and docs/pictures/sampler-accuracy.svg. Under ten
minutes on two cores, the training of the network among them. The peers take part as far as they
are installed: see the README.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from contest import Contestant, ours
from distances import kernel, sliced
from peers import peers
from problems import RANGES, Problem, mixtures, of_mixture, of_network
from report import write

HERE = Path(__file__).parent
BUDGETS = (5, 8, 10, 15, 20, 35, 50)
TRAINING_STEPS = 800


@dataclass(frozen=True)
class Row:
    """One problem, sampler and budget.

    Attributes:
        evaluations: How often the denoiser was asked.
        error: Root-mean-square distance of the ends from the exact ones.
        sliced: Sliced Wasserstein distance to fresh draws of the data; empty for the network.
        kernel: Squared kernel distance to them.
    """

    problem: str
    noise: str
    library: str
    sampler: str
    budget: int
    evaluations: int
    error: float
    sliced: float | str = ""
    kernel: float | str = ""


def results(problem: Problem, contestants: list[Contestant]) -> Iterator[Row]:
    """All contestants at all budgets; one that asks for more than its budget is left out."""
    if problem.real is not None:
        yield _row(problem, "-", "exact ODE", 0, problem.truth)
    for one in contestants:
        if problem.kind not in one.kinds:
            continue
        for budget in BUDGETS:
            problem.evaluations = 0
            ends = one.run(problem, budget)
            if problem.evaluations <= budget and bool(ends.isfinite().all()):
                yield _row(problem, one.library, one.name, budget, ends)


def _row(problem: Problem, library: str, name: str, budget: int, ends: torch.Tensor) -> Row:
    found = (problem.name, problem.kind, library, name, budget, problem.evaluations)
    error = problem.error(ends)
    if problem.real is None:
        return Row(*found, error)
    return Row(*found, error, sliced(ends, problem.real), kernel(ends, problem.real))


def network() -> Problem:
    """The network's problem; its run is made in a folder that goes away."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return of_network(TRAINING_STEPS)
        finally:
            os.chdir(before)


def keep(rows: list[Row]) -> None:
    """Put rows into the table, in place of those of the same problem and noise."""
    table, made = HERE / "results.csv", [_told(row) for row in rows]
    names = list(made[0])
    fresh = {(row["problem"], row["noise"]) for row in made}
    if table.exists():
        with table.open() as file:
            old = [r for r in csv.DictReader(file) if (r["problem"], r["noise"]) not in fresh]
        made = [*old, *made]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)


def _told(row: Row) -> dict[str, str]:
    fields = asdict(row).items()
    return {k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in fields}


def main() -> None:
    """Run the contest and write what came of it."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)  # Of small matrices two are no faster, and much slower beside others.
    asked = sys.argv[1:] or ["mixtures", "network"]
    contestants = [*ours(), *peers()]
    started = time.monotonic()

    def told(problem: Problem) -> None:
        keep(list(results(problem, contestants)))
        spent = time.monotonic() - started
        print(f"{problem.name}, {problem.kind}: {spent:.0f} s", file=sys.stderr, flush=True)

    if "mixtures" in asked:
        with torch.no_grad():
            for name, (mixture, count) in mixtures().items():
                for kind in RANGES:
                    told(of_mixture(name, mixture, count, kind))
    if "network" in asked:
        told(network())
    write(HERE)


if __name__ == "__main__":
    main()
