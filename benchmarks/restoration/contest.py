"""What takes part: a way to make samples of a posterior from the exact denoiser of the prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from counting import CountedDenoiser
from problems import Observation
from torch import Tensor

LOW, HIGH, RHO = 0.005, 40.0, 7.0
"""The noise levels of peers that let us choose: those of Karras et al. 2022, for data of size 1."""


@dataclass(frozen=True)
class Task:
    """One observation to explain.

    Attributes:
        observation: What is known.
        denoiser: The exact denoiser of the prior, which counts.
        count: How many samples are wanted.
    """

    observation: Observation
    denoiser: CountedDenoiser
    count: int

    @property
    def operator(self) -> Tensor:
        """``A``, shape (M, D)."""
        return self.observation.problem.operator

    @property
    def noise(self) -> float:
        """The standard deviation of the observation's noise."""
        return self.observation.problem.noise

    @property
    def size(self) -> int:
        """D."""
        return self.observation.problem.size


MANY = 64
"""Samples of peers at the large budget, where there are no more for lack of time."""

Run = Callable[[Task, int], Tensor]
"""``run(task, evaluations)`` makes samples, shape (count, D).

The number of evaluations is that of a row of the batch; those of all rows are counted.
"""


@dataclass(frozen=True)
class Contestant:
    """A sampler of posteriors.

    Attributes:
        library: Whose it is.
        name: The method, with the settings that are not its defaults.
        run: Makes samples.
        evaluations: The budgets of a sample at which it runs.
        particles: How many rows share the budget of a sample.
        most: The largest number of samples that are made, to save time at large budgets; energy
            distances do not depend on it, shares are a little worse by chance.
    """

    library: str
    name: str
    run: Run
    evaluations: tuple[int, ...]
    particles: int = 1
    most: int = 10_000

    @property
    def title(self) -> str:
        """Library and name."""
        return f"{self.library} {self.name}"


def karras(position: Tensor) -> Tensor:
    """The noise level at a position from 0 to 1 between LOW and HIGH."""
    low, high = LOW ** (1 / RHO), HIGH ** (1 / RHO)
    return (low + position * (high - low)) ** RHO


def gaussian_log_likelihood(task: Task, mean: Tensor, level: Tensor) -> Tensor:
    """``log N(y; A m, s^2 + r^2 A A^T)`` with the spread ``r^2 = t^2 / (1 + t^2)`` of PiGDM.

    It is the twist that azula leaves to its user, as in Wu et al. 2023 (arXiv:2306.17775).

    Args:
        task: Names A, y and s.
        mean: ``m``, shape (B, D).
        level: ``t``, the noise level, shape ().

    Returns:
        Shape (B,).
    """
    spread = level.square() / (1 + level.square())
    covariance = spread * task.operator @ task.operator.T
    covariance = covariance + task.noise**2 * torch.eye(len(task.operator), dtype=torch.float64)
    away = task.observation.y - mean @ task.operator.T
    scaled = torch.linalg.solve(covariance, away.T).T
    constant = torch.logdet(covariance) + len(task.operator) * math.log(2 * math.pi)
    return -0.5 * ((away * scaled).sum(1) + constant)
