"""One observation of one problem at a time, in processes side by side."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import ours
import torch
from contest import Contestant
from problems import observe, problems
from rows import Row, averaged, compete


@dataclass(frozen=True)
class Job:
    """One observation of one problem, for a process of its own.

    Attributes:
        seed: Of the problems.
        problem: Number of the problem among those of the seed.
        observation: Number of the observation.
        count: Samples.
        quick: Few families and small budgets.
        only: Parts of the titles of the contestants; empty = all.
    """

    seed: int
    problem: int
    observation: int
    count: int
    quick: bool
    only: tuple[str, ...]


def contestants(quick: bool) -> Iterator[Contestant]:
    """Ours, and the peers' that are installed."""
    yield from ours.contestants(quick)
    few, many = ((20,), ()) if quick else ((100,), (800,))
    if importlib.util.find_spec("azula") is not None:
        import azula_peers

        yield from azula_peers.contestants(few, many)
    if importlib.util.find_spec("deepinv") is not None:
        import deepinv_peers

        yield from deepinv_peers.contestants(few, many)


def explain(job: Job) -> list[Row]:
    """The rows of one job."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    problem = problems(job.seed, job.quick)[job.problem]
    these = [
        one
        for one in contestants(job.quick)
        if not job.only or any(part in one.title for part in job.only)
    ]
    return compete(observe(problem, job.observation), these, job.count)


def run(jobs: Sequence[Job], workers: int) -> Iterator[list[Row]]:
    """The rows so far after each job; progress goes to the error stream."""
    rows: list[Row] = []
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for number, found in enumerate(pool.map(explain, jobs), 1):
            print(f"{number} of {len(jobs)}: {found[0].problem}", file=sys.stderr, flush=True)
            rows += found
            yield averaged(rows)
