"""How likely a Gaussian diffusion finds data: along the probability-flow ODE.

Of any Gaussian process the scaled state ``y = x_t / alpha`` and the noise level
``s = sigma / alpha`` say all there is to say. The ODE and the density along it are

    d (y / s) = E[x0 | y] d(1 / s)
    d log p_s(y) = -(n - div E[x0 | y]) d log s

(Song et al. 2021, arXiv:2011.13456, eq. 39, in these variables). They are followed from the data
to the noise. As in ``sampling.multistep`` the posterior mean is replaced by a polynomial in an
angle, and so is its divergence, and the integrals of those are done exactly; where data lie on a
surface the divergence is constant, and the rule exact, though the density has a pole there.


Divergences of a posterior mean: the trace of its Jacobian, from products with probes.

    div D = E[v . J v],        J = dD / dy,  E[v v^T] = I

Every product is one backward pass, ``v^T J``, so any denoiser that autograd can follow will do.
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
from sfumato.likelihood.reconstruction import End
from sfumato.process.gaussian import Gaussian
from sfumato.process.rng import Stream, normal, uniform
from sfumato.process.schedule import Schedule
from sfumato.sampling.multistep import lagrange

# Where a network's sense of noise ends, too; the signal there is 3e-4 of the noise.
_NOISIEST = -16.0
# Of the predictor. Measured on mixtures at 48 levels: with three or four the first steps err more.
_ORDER = 2
# Levels are even in atan(s^power): it has to reach from 1/256 to 3000.
_POWER = 0.5
_ABSCISSAE, _QUADRATURE = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(24))


@dataclass(frozen=True)
class FlowLikelihood:
    """``-log p`` of some items in parts, in nats; each float64, shape (B,), on the CPU.

    Attributes:
        prior: ``-log`` of the density of the noisiest state under pure noise.
        volume: What the flow has spread volumes by on the way there, below 0 where it has.
        reconstruction: What the end costs.
        probe_error: Standard error of ``volume`` over the probes; 0 where it is exact, NaN where a
            single probe leaves it unknown.
    """

    prior: Tensor
    volume: Tensor
    reconstruction: Tensor
    probe_error: Tensor

    @property
    def nats(self) -> Tensor:
        """All of it, shape (B,)."""
        return self.prior + self.volume + self.reconstruction


@dataclass(frozen=True)
class _Asked:
    """What the denoiser said at one level.

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
    end: End,
    divergence: Divergence,
    evaluations: int,
    seed: int,
    first: int = 0,
    **cond: Any,
) -> FlowLikelihood:
    """Estimate ``-log p`` of every item, given its conditions, by the density of the flow.

    The flow is begun at the nearly clean state ``y = x0 + s eps`` of the end, a state like those
    that the denoiser was trained on, and the data are told from there. So

        -log p(x0) <= E[-log p_s(y)] - n/2 log(2 pi e s^2) + E[-log p(x0 | y)]

    is a bound whose only slack is that of the end; for a
    :class:`~sfumato.likelihood.reconstruction.Density` it is ``E[-log p_s(y)]`` itself. Each item
    is given one noise: average over rows that hold the same item.

    Args:
        denoiser: The model, in evaluation mode and without guidance; autograd has to be able to
            follow it, best in float32 or better.
        x0: Clean data, shape (B, ...).
        end: How the data are told from where the flow begins.
        divergence: How the trace is taken.
        evaluations: Of the denoiser for each item, at least 2.
        seed: Of noise and probes.
        first: Global index of the first item; item ``i`` depends on (seed, first + i) alone.
        **cond: Conditions, passed on to the backbone.

    Raises:
        ValueError: There are too few evaluations.
    """
    if evaluations < 2:
        raise ValueError(f"a way has two ends, and {evaluations} evaluations do not reach both")
    indices = range(first, first + len(x0))
    levels = _levels(denoiser.process.schedule, end, evaluations)
    noise = normal(seed, Stream.LIKELIHOOD, indices, x0.shape[1:], step=1).to(x0)
    probes = divergence.probes(x0.shape[1:], seed, indices).to(x0)
    y = x0.double() + levels[0] * noise
    nodes = [_ask(denoiser, y, levels[0], probes, cond)]
    kept = torch.zeros_like(nodes[0].divergences)
    for s, later in pairwise(levels):
        guess = _moved(y, s, later, nodes[:_ORDER])
        nodes = [_ask(denoiser, guess, later, probes, cond), *nodes[:_ORDER]]
        y = _moved(y, s, later, nodes)
        _, weights = _weights(s, later, nodes)
        kept += sum(weight * node.divergences for weight, node in zip(weights, nodes, strict=True))
    volumes = (kept - x0[0].numel() * math.log(levels[-1] / levels[0])).cpu()
    return FlowLikelihood(
        prior=_normal_nats(y, levels[-1]),
        volume=volumes.mean(0),
        reconstruction=end.nats(x0) - _entropy(x0, levels[0]),
        probe_error=divergence.error(volumes),
    )


def _levels(schedule: Schedule, end: End, count: int) -> list[float]:
    """Noise levels from the end's to that of pure noise."""
    last = schedule.log_snr(torch.ones((), dtype=torch.float64)).item()
    ratios = torch.tensor([end.log_snr, max(last, _NOISIEST)], dtype=torch.float64)
    low, high = torch.exp(-ratios * (_POWER / 2)).atan().tolist()
    angles = torch.linspace(low, high, count, dtype=torch.float64)
    levels: list[float] = angles.tan().pow(1 / _POWER).tolist()
    return levels


def _ask(
    denoiser: Denoiser[Gaussian], y: Tensor, s: float, probes: Tensor, cond: Mapping[str, Any]
) -> _Asked:
    """The posterior mean at ``y``, and its divergence there: a backward pass for each probe."""
    schedule = denoiser.process.schedule
    t = schedule.time(torch.tensor(-2 * math.log(s), dtype=torch.float64))
    alpha, _ = schedule.coefficients(t)
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        mean = denoiser((alpha.item() * y).to(probes.dtype), t, **cond).mean
        products = [torch.autograd.grad(mean, y, v, retain_graph=True)[0] * v for v in probes]
    divergences = torch.stack([product.flatten(1).sum(1) for product in products])
    return _Asked(s, mean.detach().double(), divergences)


def _moved(y: Tensor, s: float, later: float, nodes: Sequence[_Asked]) -> Tensor:
    """The state at a later level, by the polynomial through the posterior means of the nodes."""
    weights, _ = _weights(s, later, nodes)
    moved = y / s
    for weight, node in zip(weights, nodes, strict=True):
        moved = moved + weight * node.mean
    return later * moved


def _weights(s: float, later: float, nodes: Sequence[_Asked]) -> tuple[list[float], list[float]]:
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
    """Of noise at a level, for an item."""
    return x0[0].numel() * (math.log(s) + (math.log(2 * math.pi) + 1) / 2)


# Addresses below belong to the noise of the states.
_FIRST_STEP = 2


class Divergence(ABC):
    """Which probes stand for all directions; the divergence is the mean over them."""

    @abstractmethod
    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """The probes of some items, float32, shape (P, B, *shape).

        Args:
            shape: Of one item.
            seed: Of what is drawn.
            indices: Global indices of the items; what item ``i`` gets depends on (seed, i) alone.
        """

    @abstractmethod
    def error(self, estimates: Tensor) -> Tensor:
        """Standard error of the mean of what each probe gave.

        Args:
            estimates: Shape (P, B).

        Returns:
            Shape (B,); NaN where it is unknown.
        """


@dataclass(frozen=True)
class Exact(Divergence):
    """A probe along every axis: nothing is drawn, and an item of D numbers takes D passes."""

    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """The axes, as long as the root of D so that the mean is the sum of their products."""
        dimensions = math.prod(shape)
        axes = math.sqrt(dimensions) * torch.eye(dimensions)
        return axes.view(-1, 1, *shape).expand(-1, len(indices), *shape)

    def error(self, estimates: Tensor) -> Tensor:
        """None."""
        return torch.zeros_like(estimates[0])


@dataclass(frozen=True)
class Hutchinson(Divergence):
    """Random signs, which of all independent numbers have the least variance.

    Source: Hutchinson 1989, "A stochastic estimator of the trace of the influence matrix"; for
    flows Grathwohl et al. 2019 (arXiv:1810.01367), section 3.1, who keep a probe all the way too.

    Attributes:
        count: Of probes for each item, at least 1.

    Raises:
        ValueError: It is below 1.
    """

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"there are no {self.count} probes")

    def probes(self, shape: Sequence[int], seed: int, indices: Sequence[int]) -> Tensor:
        """Signs, each with an address."""
        steps = range(_FIRST_STEP, _FIRST_STEP + self.count)
        drawn = [uniform(seed, Stream.LIKELIHOOD, indices, shape, step) for step in steps]
        return torch.where(torch.stack(drawn) < 0.5, -1.0, 1.0)

    def error(self, estimates: Tensor) -> Tensor:
        """From how far the probes differ; unknown of a single one."""
        if len(estimates) < 2:
            return torch.full_like(estimates[0], math.nan)
        return estimates.std(0) / math.sqrt(len(estimates))


EXACT_UP_TO = 32
"""Up to so many numbers an item's divergence is exact unless probes are asked for."""


def suited(dimensions: int, probes: int | None = None) -> Divergence:
    """Random probes if so many are asked for, or if an exact divergence would be dear."""
    if probes is not None:
        return Hutchinson(probes)
    return Exact() if dimensions <= EXACT_UP_TO else Hutchinson()
