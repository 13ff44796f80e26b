"""Methods of restoration: how samples of the posterior ``p(x0 | y)`` are made from a denoiser."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.registry import Part
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.observation import Observation
from sfumato.restoration.problem import Problem, Tiling
from sfumato.sampling.loop import State, integrate
from sfumato.sampling.sampler import Sampler


@dataclass(frozen=True)
class Restoring(State):
    """A state between noise and restored data.

    Attributes:
        effective: The effective number of particles of each sample, the mean over the steps so far,
            float64, shape (B,); None for methods without particles.
    """

    effective: Tensor | None = None


class Method(Part):
    """Base of all methods of restoration."""

    model_config = ConfigDict(allow_inf_nan=False)

    summary: ClassVar[str] = ""
    """One line for lists and ``--help``."""
    needs_gradients: ClassVar[bool] = True
    """Whether the network is differentiated."""

    @property
    def rows(self) -> int:
        """Number of rows of a batch for each sample."""
        return 1

    @abstractmethod
    def states(self, problem: Problem, sampler: Sampler, evaluations: int) -> Iterator[State]:
        """States of samples from noise to restored data, one row for each sample.

        Args:
            problem: The model, the observation and the grid of times.
            sampler: The rule for a step, for methods that take any.
            evaluations: Number of network evaluations of a row.
        """


@dataclass(frozen=True, eq=False)
class Evidence:
    """A denoiser of the prior, and what is known.

    Attributes:
        denoiser: The denoiser of the prior, guided or not.
        observation: What is known.
        covariance: The covariance of the data.
        tiling: How rows are grouped.
    """

    denoiser: Denoiser
    observation: Observation
    covariance: Covariance
    tiling: Tiling


class PosteriorDenoiser(Denoiser):
    """A denoiser of the posterior ``p(x0 | y)``, made from one of the prior, as guidance is.

    Args:
        evidence: The denoiser of the prior, and what is known.
    """

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence.denoiser.process)
        self.denoiser = evidence.denoiser
        self.observation = evidence.observation
        self.covariance = evidence.covariance
        self.tiling = evidence.tiling

    @abstractmethod
    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """The mean ``E[x0 | x_t, y]``; see :meth:`Denoiser.forward`.

        Args:
            x_t: States, shape (B, C, *sides).
            t: Time in (0, 1], float64, shape (): the rows of a batch share it.
            **cond: Conditions with B rows.
        """


class Guide(Method):
    """Base of the methods that are a denoiser, which any sampler can use."""

    @abstractmethod
    def posterior(self, evidence: Evidence) -> PosteriorDenoiser:
        """The denoiser of the posterior."""

    def guided(
        self,
        denoiser: Denoiser,
        observation: Observation,
        covariance: Covariance,
        tiling: Tiling,
    ) -> PosteriorDenoiser:
        """The denoiser of the posterior; see :class:`Evidence` for the arguments."""
        return self.posterior(Evidence(denoiser, observation, covariance, tiling))

    def states(self, problem: Problem, sampler: Sampler, evaluations: int) -> Iterator[State]:
        """See :meth:`Method.states`."""
        denoiser = self.guided(
            problem.denoiser(1), problem.observation, problem.covariance, problem.tiling()
        )
        x_t = problem.first_state(denoiser)
        noise, times = problem.noise(), problem.times
        return integrate(denoiser, sampler, x_t, times, noise, evaluations, problem.cond)


@dataclass(frozen=True, eq=False)
class Differentiated:
    """A denoiser at one state, with the transposed Jacobian of its posterior mean.

    Attributes:
        mean: ``E[x0 | x_t]``, shape (B, ...), without a gradient.
    """

    mean: Tensor
    _state: Tensor
    _tracked: Tensor

    @classmethod
    def at(cls, denoiser: Denoiser, x_t: Tensor, t: Tensor, **cond: Any) -> Differentiated:
        """Evaluate a denoiser so that it can be differentiated as often as needed."""
        with torch.enable_grad():
            state = x_t.detach().clone().requires_grad_()
            tracked: Tensor = denoiser(state, t, **cond).mean
        return cls(tracked.detach(), state, tracked)

    def transposed(self, direction: Tensor) -> Tensor:
        """``J^T v`` with ``J = d E[x0 | x_t] / d x_t``, shaped like the state.

        For an exact denoiser ``sigma^2 / alpha J`` is the covariance of the clean data given the
        state (Efron 2011, eq. 2.8, and its derivative).
        """
        (gradient,) = torch.autograd.grad(
            self._tracked, self._state, direction.to(self._tracked), retain_graph=True
        )
        return gradient.detach()
