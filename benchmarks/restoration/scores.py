"""How far samples are from the exact posterior.

All are means over observations. Scores of exact draws, as many as of the samples, are in the table
as the contestant ``exact draws``: what is as good cannot be told from the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from problems import Observation
from torch import Tensor
from torch.distributions import MultivariateNormal

from sfumato.oracle import GaussianMixture

_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Scores:
    """Of the samples of one observation, or means over several.

    Attributes:
        energy: Energy distance to the posterior over the posterior's spread; 0 = right. Unbiased,
            so it can be a little below 0.
        shares: Error of the shares of the modes, half the sum of absolute differences; 0 to 1.
        chance: What ``shares`` would be on average for as many exact draws.
        spread: The samples' spread over the posterior's; 1 = right.
        coverage50, coverage90: How much of the posterior lies in the samples' central 50 and 90 %
            interval, a mean over coordinates. Where the truth is drawn from the prior, and the
            observation from the truth, that is the chance that the interval covers the truth;
            averaged exactly instead of by one truth an observation.
        residual: ``((y - A x) / noise)^2``, a mean over samples and the M numbers.
        expected: What the residual is for exact draws; not 1, as the posterior follows the noise
            where the prior lets it.
    """

    energy: float
    shares: float
    chance: float
    spread: float
    coverage50: float
    coverage90: float
    residual: float
    expected: float

    @classmethod
    def mean(cls, scores: list[Scores]) -> Scores:
        """The mean of every score."""
        names = [field.name for field in fields(cls)]
        return cls(*(sum(getattr(one, name) for one in scores) / len(scores) for name in names))


def score(samples: Tensor, observation: Observation) -> Scores:
    """Scores of samples (N, D); all are NaN if a sample is not finite."""
    if not bool(samples.isfinite().all()):
        return Scores(*[float("nan")] * len(fields(Scores)))
    samples, exact = samples.double(), observation.draws
    spread = exact.var(0).sum().sqrt()
    prior, weights = observation.problem.prior, observation.posterior.weights
    chances = component_chances(exact, prior)
    return Scores(
        energy=energy_distance(samples, exact) / spread.item(),
        shares=error_of_shares(component_chances(samples, prior), weights),
        chance=(0.5 * (chances.var(0) / len(samples) * 2 / math.pi).sqrt().sum()).item(),
        spread=(samples.var(0).sum().sqrt() / spread).item(),
        coverage50=coverage(samples, exact, 0.5),
        coverage90=coverage(samples, exact, 0.9),
        residual=residual(samples, observation),
        expected=residual(exact, observation),
    )


def energy_distance(one: Tensor, other: Tensor) -> float:
    """``2 E|a - b| - E|a - a'| - E|b - b'|`` (Székely and Rizzo 2013), by its U-statistic.

    Args:
        one: Samples, shape (N, D).
        other: Shape (M, D).
    """

    def within(x: Tensor) -> Tensor:
        return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))

    between = torch.cdist(one, other).mean()
    return (2 * between - within(one) - within(other)).item()


def component_chances(samples: Tensor, prior: GaussianMixture) -> Tensor:
    """The prior's chances of each component given clean samples (N, D), shape (N, K).

    Their mean over the posterior is exactly the weights of the posterior's components.
    """
    floor = _LEAST_VARIANCE * torch.eye(samples.shape[1], dtype=torch.float64)
    components = MultivariateNormal(prior.means, prior.covariances + floor)
    return (components.log_prob(samples[:, None]) + prior.weights.log()).softmax(1)


def error_of_shares(chances: Tensor, weights: Tensor) -> float:
    """Total variation between the shares of the components among samples and the right ones.

    Args:
        chances: Of each component given each sample, shape (N, K).
        weights: The right shares, shape (K,).
    """
    return 0.5 * (chances.mean(0) - weights).abs().sum().item()


def coverage(samples: Tensor, exact: Tensor, level: float) -> float:
    """The share of exact draws in the samples' central interval, a mean over coordinates."""
    edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = samples.quantile(edges, dim=0)
    return ((exact >= low) & (exact <= high)).double().mean().item()


def residual(samples: Tensor, observation: Observation) -> float:
    """The mean squared residual over the variance of the noise."""
    problem = observation.problem
    away = observation.y - samples @ problem.operator.T
    return (away / problem.noise).square().mean().item()
