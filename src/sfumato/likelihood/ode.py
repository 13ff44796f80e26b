"""The likelihood of data under a Gaussian diffusion, along the probability-flow ODE.

For any Gaussian process the scaled state ``y = x_t / alpha`` and the noise level
``s = sigma / alpha`` are a complete description. The ODE and the density along it are

    d (y / s) = E[x0 | y] d(1 / s)
    d log p_s(y) = -(n - div E[x0 | y]) d log s

(Song et al. 2021, arXiv:2011.13456, eq. 39, in these variables). They are integrated from the data
to the noise. As in ``sampling.multistep`` the posterior mean and its divergence are approximated by
polynomials in an angle, which are integrated exactly; where data lie on a surface the divergence is
constant, and the rule exact, though the density has a pole there. The divergence of the posterior
mean D is the trace of its Jacobian J, from products with probes v:

    div D = E[v . J v],        J = dD / dy,  E[v v^T] = I

Every product is one backward pass, ``v^T J``, so any differentiable denoiser will do.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.denoiser import Denoiser
from sfumato.likelihood.reconstruction import Reconstruction
from sfumato.process.gaussian import Gaussian
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import Schedule
from sfumato.sampling.multistep import lagrange

# Networks hardly distinguish noise levels beyond; the signal there is 3e-4 of the noise.
_NOISIEST = -16.0
# The order of the predictor. On mixtures at 48 levels the first steps err more with three or four.
_ORDER = 2
# Levels are evenly spaced in atan(s^power), which has to resolve levels from 1/256 to 3000.
_POWER = 0.5
_ABSCISSAE, _QUADRATURE = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(24))
# Lower steps of the random stream belong to the noise of the states.
_FIRST_STEP = 2

EXACT_UP_TO = 32
"""The largest number of dimensions for which the divergence is exact by default."""


@dataclass(frozen=True)
class FlowLikelihood:
    """``-log p`` of some items in parts, in nats; each float64, shape (B,), on the CPU.

    Attributes:
        prior: ``-log`` of the density of the noisiest state under pure noise.
        volume: The log of the change of volume along the flow, below 0 where it expands.
        reconstruction: The cost of the data given the nearly clean state.
        probe_error: The standard error of ``volume`` over the probes; 0 if it is exact, NaN if it
            is unknown because there is one probe.
    """

    prior: Tensor
    volume: Tensor
    reconstruction: Tensor
    probe_error: Tensor

    @property
    def nats(self) -> Tensor:
        """The sum of all parts, shape (B,)."""
        return self.prior + self.volume + self.reconstruction


@dataclass(frozen=True)
class _Node:
    """The output of the denoiser at one noise level.

    Attributes:
        s: The level.
        mean: ``E[x0 | y]``, shape (B, ...).
        divergences: Its divergence in ``y`` by each probe, float64, shape (P, B).
    """

    s: float
    mean: Tensor
    divergences: Tensor


def flow_likelihood(
    denoiser: Denoiser[Gaussian],
    x0: Tensor,
    reconstruction: Reconstruction,
    divergence: Divergence,
    evaluations: int,
    seed: int,
    first: int = 0,
    **cond: Any,
) -> FlowLikelihood:
    """Estimate ``-log p`` of every item, given its conditions, by the density of the flow.

    The flow starts at the nearly clean state ``y = x0 + s eps`` of the reconstruction, a state like
    those that the denoiser was trained on. So

        -log p(x0) <= E[-log p_s(y)] - n/2 log(2 pi e s^2) + E[-log p(x0 | y)]

    is a bound whose only slack is that of the reconstruction; for a ``GaussianReconstruction`` it
    is ``E[-log p_s(y)]`` itself. Each item gets one noise: average over rows that hold the same
    item.

    Args:
        denoiser: The model, in evaluation mode and without guidance; it has to be differentiable,
            best in float32 or better.
        x0: Clean data, shape (B, ...).
        reconstruction: The model of the data given the state at which the flow starts.
        divergence: The estimator of the trace.
        evaluations: The number of evaluations of the denoiser for each item, at least 2.
        seed: The seed of noise and probes.
        first: The global index of the first item; item ``i`` depends on (seed, first + i) alone.
        **cond: Conditions, passed on to the backbone.

    Raises:
        ValueError: There are too few evaluations.
    """
    if evaluations < 2:
        raise ValueError(f"the flow needs two evaluations or more, not {evaluations}")
    indices = range(first, first + len(x0))
    levels = _levels(denoiser.process.schedule, reconstruction, evaluations)
    noise = normal(seed, Stream.LIKELIHOOD, indices, x0.shape[1:], step=1).to(x0)
    probes = divergence.probes(x0.shape[1:], seed, indices).to(x0)
    y = x0.double() + levels[0] * noise
    nodes = [_evaluate(denoiser, y, levels[0], probes, cond)]
    integral = torch.zeros_like(nodes[0].divergences)
    for s, later in pairwise(levels):
        guess = _step(y, s, later, nodes[:_ORDER])
        nodes = [_evaluate(denoiser, guess, later, probes, cond), *nodes[:_ORDER]]
        y = _step(y, s, later, nodes)
        _, weights = _weights(s, later, nodes)
        integral += sum(w * node.divergences for w, node in zip(weights, nodes, strict=True))
    volumes = (integral - x0[0].numel() * math.log(levels[-1] / levels[0])).cpu()
    return FlowLikelihood(
        prior=_normal_nats(y, levels[-1]),
        volume=volumes.mean(0),
        reconstruction=reconstruction.nats(x0) - _entropy(x0, levels[0]),
        probe_error=divergence.error(volumes),
    )


def _levels(schedule: Schedule, reconstruction: Reconstruction, count: int) -> list[float]:
    """Noise levels from that of the reconstruction to that of pure noise."""
    last = schedule.log_snr(torch.ones((), dtype=torch.float64)).item()
    ratios = torch.tensor([reconstruction.log_snr, max(last, _NOISIEST)], dtype=torch.float64)
    low, high = torch.exp(-ratios * (_POWER / 2)).atan().tolist()
    angles = torch.linspace(low, high, count, dtype=torch.float64)
    levels: list[float] = angles.tan().pow(1 / _POWER).tolist()
    return levels


def _evaluate(
    denoiser: Denoiser[Gaussian], y: Tensor, s: float, probes: Tensor, cond: Mapping[str, Any]
) -> _Node:
    """The posterior mean at ``y``, and its divergence there: a backward pass for each probe."""
    schedule = denoiser.process.schedule
    t = schedule.time(torch.tensor(-2 * math.log(s), dtype=torch.float64))
    alpha, _ = schedule.coefficients(t)
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        mean = denoiser((alpha.item() * y).to(probes.dtype), t, **cond).mean
        products = [torch.autograd.grad(mean, y, v, retain_graph=True)[0] * v for v in probes]
    divergences = torch.stack([product.flatten(1).sum(1) for product in products])
    return _Node(s, mean.detach().double(), divergences)


def _step(y: Tensor, s: float, later: float, nodes: Sequence[_Node]) -> Tensor:
    """The state at a later level, by the polynomial through the posterior means of the nodes."""
    weights, _ = _weights(s, later, nodes)
    scaled = y / s
    for weight, node in zip(weights, nodes, strict=True):
        scaled = scaled + weight * node.mean
    return later * scaled


def _weights(s: float, later: float, nodes: Sequence[_Node]) -> tuple[list[float], list[float]]:
    """Integrals of the nodes' Lagrange polynomials in ``atan s``, over ``1 / s`` and ``log s``."""
    half = math.log(later / s) / 2
    levels = s * torch.exp(half * (1 + _ABSCISSAE))
    at = torch.tensor([node.s for node in nodes], dtype=torch.float64).atan()
    along = half * _QUADRATURE * lagrange(at, levels.atan())
    return (-along / levels).sum(1).tolist(), along.sum(1).tolist()


def _normal_nats(y: Tensor, s: float) -> Tensor:
    """``-log N(y; 0, s^2)`` of each item, shape (B,)."""
    each = (y / s).square() / 2 + math.log(s) + math.log(2 * math.pi) / 2
    return each.flatten(1).sum(1).cpu()


def _entropy(x0: Tensor, s: float) -> float:
    """The entropy of the noise of an item at a level."""
    return x0[0].numel() * (math.log(s) + (math.log(2 * math.pi) + 1) / 2)


class Divergence(ABC):
    """An estimator of the divergence as a mean over probes."""

    @abstractmethod
    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """The probes of some items, float32, shape (P, B, *shape).

        Args:
            shape: The shape of one item.
            seed: The seed of random probes.
            indices: Global indices of the items; the probes of item ``i`` depend on (seed, i)
                alone.
        """

    @abstractmethod
    def error(self, estimates: Tensor) -> Tensor:
        """The standard error of the mean over the estimates of the probes.

        Args:
            estimates: Shape (P, B).

        Returns:
            Shape (B,); NaN where it is unknown.
        """


@dataclass(frozen=True)
class Exact(Divergence):
    """A probe along every axis: exact, and D backward passes for an item of D numbers."""

    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """The axes with length ``sqrt(D)``, so that the mean over probes is the trace."""
        dimensions = math.prod(shape)
        axes = math.sqrt(dimensions) * torch.eye(dimensions)
        return axes.view(-1, 1, *shape).expand(-1, len(indices), *shape)

    def error(self, estimates: Tensor) -> Tensor:
        """Zeros, shape (B,)."""
        return torch.zeros_like(estimates[0])


@dataclass(frozen=True)
class Hutchinson(Divergence):
    """Random signs, which have the least variance of all independent probes.

    Source: Hutchinson 1989, "A stochastic estimator of the trace of the influence matrix"; for
    flows Grathwohl et al. 2019 (arXiv:1810.01367), section 3.1, who also use the same probe along
    the whole path.

    Attributes:
        count: The number of probes for each item, at least 1.

    Raises:
        ValueError: The number is below 1.
    """

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"there are no {self.count} probes")

    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """Random signs, a pure function of seed and index."""
        steps = range(_FIRST_STEP, _FIRST_STEP + self.count)
        drawn = [uniform(seed, Stream.LIKELIHOOD, indices, shape, step) for step in steps]
        return torch.where(torch.stack(drawn) < 0.5, -1.0, 1.0)

    def error(self, estimates: Tensor) -> Tensor:
        """From the standard deviation over the probes; NaN for a single probe."""
        if len(estimates) < 2:
            return torch.full_like(estimates[0], math.nan)
        return estimates.std(0) / math.sqrt(len(estimates))


def default_divergence(dimensions: int, probes: int | None = None) -> Divergence:
    """Random probes if their number is given or an exact divergence is expensive, else exact."""
    if probes is not None:
        return Hutchinson(probes)
    return Exact() if dimensions <= EXACT_UP_TO else Hutchinson()
