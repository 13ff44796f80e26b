"""The table of results: its rows, and running everyone on one observation of one problem."""

from __future__ import annotations

import csv
import math
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from contest import Contestant, Task
from counting import CountedDenoiser
from problems import Observation
from scores import Scores, score


@dataclass(frozen=True)
class Row:
    """One contestant at one budget, on one observation or on average over several.

    Attributes:
        problem: Its name.
        modes: Components of the prior.
        noise: Standard deviation of the observation's noise.
        library: Whose sampler it is; empty for exact draws.
        sampler: The method with its settings.
        particles: Rows that share the budget of a sample.
        budget: Evaluations of a sample that it was given.
        samples: How many were made of an observation.
        evaluations: Evaluations that were counted, for a sample.
        products: Products with the Jacobian, for a sample.
        seconds: For 1,000 samples, on one thread.
        energy, shares, chance, spread, coverage50, coverage90, residual, expected: See
            :class:`scores.Scores`.
    """

    problem: str
    modes: int
    noise: float
    library: str
    sampler: str
    particles: int
    budget: int
    samples: int
    evaluations: float
    products: float
    seconds: float
    energy: float
    shares: float
    chance: float
    spread: float
    coverage50: float
    coverage90: float
    residual: float
    expected: float

    @property
    def title(self) -> str:
        """Library and method."""
        return f"{self.library} {self.sampler}".strip()

    @property
    def passes(self) -> float:
        """Evaluations and products of a sample together."""
        return self.evaluations + self.products

    @property
    def excess(self) -> float:
        """The error of the shares beyond chance, which adds up in squares."""
        return math.sqrt(max(self.shares**2 - self.chance**2, 0))

    def rounded(self) -> dict[str, object]:
        """The row as it is written."""
        return {name: _short(value) for name, value in asdict(self).items()}


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


EXACT = "exact draws"
"""The contestant without error; its scores are those of chance."""


def compete(observation: Observation, contestants: Iterable[Contestant], count: int) -> list[Row]:
    """Everyone at all budgets on one observation, exact draws first."""
    rows = [_run(observation, _EXACT, 0, count)]
    for one in contestants:
        rows += [_run(observation, one, budget, count) for budget in one.evaluations]
    return rows


_EXACT = Contestant("", EXACT, lambda task, _: task.observation.exact(task.count), (0,))


def _run(observation: Observation, one: Contestant, budget: int, count: int) -> Row:
    problem, count = observation.problem, min(count, one.most)
    denoiser = CountedDenoiser(problem.prior)
    torch.manual_seed(zlib.crc32(one.title.encode()) + observation.number)
    start = time.perf_counter()
    samples = one.run(Task(observation, denoiser, count), budget)
    seconds = time.perf_counter() - start
    return Row(
        problem.name,
        problem.modes,
        problem.noise,
        one.library,
        one.name,
        one.particles,
        budget,
        count,
        denoiser.passes.evaluations / count,
        denoiser.passes.products / count,
        1000 * seconds / count,
        **asdict(score(samples, observation)),
    )


def averaged(rows: Sequence[Row]) -> list[Row]:
    """Rows of several observations, averaged; the order is that of the first observation."""
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.problem, row.title, row.budget), []).append(row)
    return [_mean(group) for group in groups.values()]


def _mean(group: Sequence[Row]) -> Row:
    values = asdict(group[0])
    for name in ("evaluations", "products", "seconds", *(field.name for field in fields(Scores))):
        values[name] = sum(getattr(row, name) for row in group) / len(group)
    return Row(**values)


def merged(before: Sequence[Row], rows: Sequence[Row], problems: Sequence[str]) -> list[Row]:
    """Old rows with new ones in the place of their like.

    Ordered by problem; in each, exact draws come first, then ours, then the peers'.
    """
    found = {(row.problem, row.title, row.budget): row for row in (*before, *rows)}
    order = ("", "sfumato")

    def place(row: Row) -> tuple[int, int]:
        return problems.index(row.problem), order.index(row.library) if row.library in order else 2

    return sorted((row for row in found.values() if row.problem in problems), key=place)


def read(path: Path) -> list[Row]:
    """Rows as they were written."""
    kinds = {
        field.name: {"int": int, "float": float, "str": str}[field.type] for field in fields(Row)
    }
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return [
            Row(**{name: kinds[name](value) for name, value in line.items()})
            for line in csv.DictReader(lines)
        ]
