"""Fitting a sampler's noise levels and weights to one model.

The fit minimises the distance between samples of few and of many evaluations from the same noise:
nonlinear least squares by Levenberg and Marquardt with finite differences, so the network is never
differentiated. It starts from the weights of a registered sampler, and its parameters are each
noise level and, for each step, the weights of the last few posterior means. That fitted solvers
need few evaluations is known from Shaul et al. 2024 (arXiv:2403.01329); that the noise levels
matter as much, from Xue et al. 2024 (arXiv:2402.17376).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.process.gaussian import Gaussian
from sfumato.process.grids import TimeGrid
from sfumato.sampling.loop import integrate, sample
from sfumato.sampling.noise import KeyedNoise, NoiseSource
from sfumato.sampling.sampler import Sampler
from sfumato.sampling.tuned import Tuned

_REACH = 4  # Number of posterior means with fitted weights in a step, including the newest.
_NUDGE = 0.02  # Difference of a parameter for a slope.
_LEAP = 0.5  # Largest change of a parameter in one round.
# A sample that ends in another mode is an outlier: beyond this number of medians of the squared
# error samples have a smaller weight.
_FAR = 9.0


@dataclass(frozen=True)
class Examples:
    """Noise and the reference samples that it leads to.

    Attributes:
        noise: The noise of the samples.
        shape: Shape of one sample.
        cond: Conditions of the samples.
        ends: The samples of many evaluations from the noise, shape (B, *shape).
    """

    noise: NoiseSource
    shape: tuple[int, ...]
    cond: Mapping[str, Any]
    ends: Tensor

    def errors(self, denoiser: Denoiser, sampler: Sampler, evaluations: int) -> Tensor:
        """The differences between the samples of a sampler and the references, float64, (B, D)."""
        found = sample(denoiser, sampler, self.noise, self.shape, evaluations, self.cond)
        return (found - self.ends).flatten(1).double().cpu()

    def error(self, denoiser: Denoiser, sampler: Sampler, evaluations: int) -> float:
        """The root-mean-square error of a sampler."""
        return self.errors(denoiser, sampler, evaluations).square().mean().sqrt().item()


@dataclass(frozen=True)
class Round:
    """The state of a fit after a round.

    Attributes:
        number: Number of the round; 0 is the start.
        error: Root-mean-square error on the examples.
        sampler: The sampler that is fitted so far.
    """

    number: int
    error: float
    sampler: Tuned


def fit(
    denoiser: Denoiser, begin: Sampler, examples: Examples, evaluations: int, rounds: int
) -> Iterator[Round]:
    """Fit a sampler round by round; the fit ends early if the error no longer falls.

    Args:
        denoiser: The model, with the guidance that it will be used with.
        begin: A deterministic sampler with one evaluation per step.
        examples: The examples to fit to.
        evaluations: Number of evaluations to fit for.
        rounds: Largest number of rounds; for 10 evaluations each samples the examples about forty
            times.
    """
    family = _Family(begin, denoiser.process, evaluations, _size(examples.shape))
    place = torch.zeros(family.count, dtype=torch.float64)
    sampler = family.at(place)
    errors = examples.errors(denoiser, sampler, evaluations)
    yield Round(0, _rms(errors), sampler)
    damping = 1e-2
    for number in range(1, rounds + 1):
        shares = _shares(errors)
        slopes = torch.stack(
            [_slope(family, place, k, denoiser, examples, errors) for k in range(family.count)], 2
        )
        step = _Step(slopes, errors, shares)
        for _ in range(6):
            tried = place + step.damped(damping)
            if family.is_valid(tried):
                sampler_tried = family.at(tried)
                found = examples.errors(denoiser, sampler_tried, evaluations)
                if step.cost(found) < step.cost(errors):
                    break
            damping *= 4
        else:
            return
        place, sampler, errors, damping = tried, sampler_tried, found, damping / 4
        yield Round(number, _rms(errors), sampler)


class _Family:
    """Samplers near a given one, as a function of a vector of parameters.

    The parameters are the changes of the log noise levels, then, for each step, the weights that
    are moved from the newest posterior mean to each of the earlier ones.
    """

    def __init__(self, begin: Sampler, process: Gaussian, evaluations: int, size: int) -> None:
        self._begin, self._process, self._steps = begin.sized(size), process, evaluations
        times = begin.grid.times(evaluations, process.schedule, size)
        self._levels = torch.exp(-process.schedule.log_snr(times[1:-1]) / 2)
        self._pairs = [(k, j) for k in range(evaluations) for j in range(max(0, k - _REACH + 1), k)]
        self.count = len(self._levels) + len(self._pairs)

    def is_valid(self, place: Tensor) -> bool:
        """Whether the noise levels are decreasing."""
        return bool((self._at(place).log().diff() < -0.01).all())

    def at(self, place: Tensor) -> Tuned:
        """The sampler of a parameter vector."""
        times = self._process.schedule.time(-2 * self._at(place).log())
        grid = TimeGrid(at=tuple(times.tolist()))
        rows = weights_of(self._begin, self._process, grid)
        for (k, j), gain in zip(self._pairs, place[len(times) :].tolist(), strict=True):
            rows[k, j] += gain
            rows[k, k] -= gain
        weights = tuple(tuple(rows[k, : k + 1].tolist()) for k in range(self._steps))
        return Tuned(weights=weights, grid=grid)

    def _at(self, place: Tensor) -> Tensor:
        return self._levels * place[: len(self._levels)].exp()


def weights_of(sampler: Sampler, process: Gaussian, grid: TimeGrid) -> Tensor:
    """The weights of each step of a linear sampler, as in :class:`Tuned`.

    They are found by running the sampler with the k-th basis vector as the k-th posterior mean.

    Args:
        sampler: A deterministic sampler with one evaluation per step; its own grid is not used.
        process: The process.
        grid: The grid of times.

    Returns:
        float64, shape (N, N), the upper triangle 0.
    """
    steps = len(grid.at) + 1
    times = grid.times(steps, process.schedule, 1)
    zero, noise = torch.zeros(1, steps, dtype=torch.float64), KeyedNoise(0, [0])
    states = list(integrate(_Basis(process, steps), sampler, zero, times, noise, steps))
    alpha, sigma = process.schedule.coefficients(times[:-1])
    scaled = torch.cat([state.x_t for state in states[:-1]]) / sigma[:, None]
    moved = scaled.diff(dim=0) / (alpha / sigma).diff()[:, None]
    return torch.cat([moved, states[-1].x_t])


class _Basis(Denoiser):
    """A denoiser whose k-th evaluation returns the k-th basis vector."""

    def __init__(self, process: Gaussian, steps: int) -> None:
        super().__init__(process)
        self._answers = iter(torch.eye(steps, dtype=torch.float64))

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """See :meth:`Denoiser.forward`."""
        return Posterior(next(self._answers).expand_as(x_t).clone())


class _Step:
    """One linearised least-squares problem with weighted samples."""

    def __init__(self, slopes: Tensor, errors: Tensor, shares: Tensor) -> None:
        self._shares = shares
        root = shares.sqrt()[:, None]
        matrix = (root[..., None] * slopes).flatten(0, 1)
        self._normal = matrix.T @ matrix
        self._downhill = -matrix.T @ (root * errors).flatten()

    def damped(self, damping: float) -> Tensor:
        """The Levenberg-Marquardt step."""
        scale = self._normal.diagonal()
        scale = scale + 1e-9 * scale.mean() + 1e-30
        step: Tensor = torch.linalg.solve(self._normal + damping * scale.diag(), self._downhill)
        return step.clamp(-_LEAP, _LEAP)

    def cost(self, errors: Tensor) -> float:
        """The weighted squared error that is minimised."""
        return (self._shares * errors.square().mean(1)).sum().item()


def _slope(
    family: _Family,
    place: Tensor,
    k: int,
    denoiser: Denoiser,
    examples: Examples,
    errors: Tensor,
) -> Tensor:
    """The derivative of the errors by parameter ``k``, by a finite difference, shape (B, D)."""
    for nudge in (_NUDGE, -_NUDGE):
        moved = place.clone()
        moved[k] += nudge
        if family.is_valid(moved):
            sampler = family.at(moved)
            found = examples.errors(denoiser, sampler, len(sampler.weights))
            return (found - errors) / nudge
    return torch.zeros_like(errors)


def _shares(errors: Tensor) -> Tensor:
    """The weight of each sample, shape (B,)."""
    squared = errors.square().mean(1)
    return 1 / (1 + squared / (_FAR * squared.median() + 1e-30))


def _rms(errors: Tensor) -> float:
    return errors.square().mean().sqrt().item()


def _size(shape: tuple[int, ...]) -> int:
    return torch.Size(shape).numel()
