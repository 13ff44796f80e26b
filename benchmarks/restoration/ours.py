"""Our own methods, as ``run.edit`` uses them: the process and the sampler of the recipes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from contest import Contestant, Run, Task
from counting import CountedDenoiser
from pydantic import PrivateAttr
from torch import Tensor

from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.method import Method
from sfumato.restoration.methods import METHODS
from sfumato.restoration.moment_matching import MomentMatching, Quick
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import Operator
from sfumato.restoration.problem import Problem, Tiling
from sfumato.sampling import Ancestral, Sampler, Wiener, last

PROCESS = Gaussian(Linear())
A_PARTICLE = 50
"""Evaluations of each of several particles."""


class Matrix(Operator):
    """A matrix (M, D) as an operator."""

    summary: ClassVar[str] = "a matrix"

    kind: Literal["matrix"] = "matrix"
    _matrix: Tensor = PrivateAttr()

    @classmethod
    def of(cls, matrix: Tensor) -> Matrix:
        """The operator of a matrix."""
        operator = cls()
        operator._matrix = matrix
        return operator

    def forward(self, x0: Tensor) -> Tensor:
        """See :meth:`Operator.forward`."""
        return x0 @ self._matrix.to(x0).T


class Whole(Problem):
    """A problem whose rows are computed together: a batch's last bits do not matter here."""

    def tiling(self, particles: int = 1) -> Tiling:
        """See :meth:`Problem.tiling`."""
        return Tiling(len(self.indices) * particles)


def contestants(quick: bool) -> Iterator[Contestant]:
    """Every method with the settings that it has by itself.

    Args:
        quick: Small budgets.
    """
    few, many = (10, 20) if quick else (50, 100)
    for particles in (1, 4, 16):
        name = f"moment matching, {particles} particle{'s' * (particles > 1)}"
        yield entry(name, MomentMatching(particles=particles), (few * particles,))
    yield entry("moment matching, ancestral", MomentMatching(particles=1), (many,), Ancestral())
    for particles in (1, 16):
        name = f"quick, {particles} particle{'s' * (particles > 1)}"
        yield entry(name, Quick(particles=particles), (few * particles,))
    for kind, method in METHODS.items():
        if method not in (MomentMatching, Quick):
            yield entry(kind, method(), (many,))


def entry(
    name: str, method: Method, budgets: tuple[int, ...], sampler: Sampler | None = None
) -> Contestant:
    """A method with a sampler; the default sampler if there is none."""
    run = _run(method, Wiener() if sampler is None else sampler)
    return Contestant("sfumato", name, run, budgets, method.rows)


def _run(method: Method, sampler: Sampler) -> Run:
    def run(task: Task, evaluations: int) -> Tensor:
        each = evaluations // method.rows
        problem = problem_of(task, sampler, each)
        return last(method.states(problem, sampler, each)).flatten(1)

    return run


def problem_of(task: Task, sampler: Sampler, evaluations: int) -> Problem:
    """A task in the terms of ``sfumato.restoration``; each sample is a vector of shape (D,)."""
    given = task.observation
    denoiser = CountedDenoiser(given.problem.prior, PROCESS)
    denoiser.passes = task.denoiser.passes
    _, covariance = given.problem.moments()
    steps = len(sampler.plan(evaluations))
    shape = (task.size,)
    return Whole(
        denoiser=lambda _: denoiser,
        observation=Observation(
            Matrix.of(task.operator), given.y[None], torch.tensor(task.noise, dtype=torch.float64)
        ),
        covariance=Covariance.dense(covariance),
        indices=range(task.count),
        seed=given.number,
        shape=shape,
        times=sampler.grid.times(steps, PROCESS.schedule, math.prod(shape)),
        dtype=torch.float64,
    )
