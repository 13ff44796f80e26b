"""Moment matching against exact posteriors: normal data are exact, and so is their likelihood."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato.denoiser import Posterior
from sfumato.oracle import MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE, VP, Cosine, Linear, Schedule
from sfumato.restoration.moment_matching import MomentMatching, Quick
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import FunctionOperator
from sfumato.restoration.particles import TwistedDenoiser
from sfumato.restoration.problem import Tiling
from sfumato.sampling import Wiener, last
from tests.restoration.problems import F64, energy, exact_samples, normal, ring

SCHEDULES = [Linear(), Cosine(), VP(), VE()]
METHODS = [MomentMatching(particles=1), Quick()]


def denoisers(
    method: MomentMatching | Quick, schedule: Schedule
) -> tuple[TwistedDenoiser, MixtureDenoiser]:
    """The guided denoiser of normal data, and the exact one of their posterior."""
    known, process = normal(), Gaussian(schedule)
    own = method.guided(
        MixtureDenoiser(known.mixture, process), known.observation, known.covariance, Tiling(16)
    )
    assert isinstance(own, TwistedDenoiser)
    return own, MixtureDenoiser(known.posterior, process)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.kind)
@pytest.mark.parametrize("t", [0.05, 0.3, 0.7, 1.0])
def test_on_normal_data_the_mean_is_that_of_the_exact_posterior(
    method: MomentMatching | Quick, schedule: Schedule, t: float
) -> None:
    own, exact = denoisers(method, schedule)
    time = torch.tensor(t, dtype=F64)
    x0 = exact_samples(normal(), 20)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(5), dtype=F64)
    x_t = own.process.corrupt(x0, time, noise)
    wanted, found = exact(x_t, time).mean, own(x_t, time).mean
    # At t = 1 some schedules keep a little of the data, which moment matching ignores there.
    assert torch.allclose(found, wanted, atol=1e-6 if t < 1 else 2e-3)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
def test_on_normal_data_the_twist_is_the_likelihood_of_the_observation(
    method: MomentMatching | Quick,
) -> None:
    """Up to a number that depends on the time: ``p(y | x_t)`` is a normal density."""
    own, _ = denoisers(method, VE())
    known, time = normal(), torch.tensor(0.5, dtype=F64)
    x_t = own.process.corrupt(exact_samples(known, 12), time, torch.zeros(12, 8, dtype=F64))
    prior = MixtureDenoiser(known.mixture, own.process)
    _, sigma = own.process.schedule.coefficients(time)
    covariance = known.mixture.covariances[0]
    given = covariance - covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(8)) @ (
        covariance
    )
    of_values = known.matrix @ given @ known.matrix.T + known.noise**2 * torch.eye(3)
    exact = torch.distributions.MultivariateNormal(prior(x_t, time).mean[:, :3], of_values)
    wanted = exact.log_prob(known.values)
    found = own.twisted(x_t, time).log_likelihood
    assert torch.allclose(found - found[0], wanted - wanted[0], atol=1e-6)


def test_the_twist_holds_what_differs_between_modes() -> None:
    """On a mixture the covariance, and so the determinant, depends on the state."""
    known, process = ring(), Gaussian(VE())
    own = MomentMatching(particles=4).guided(
        MixtureDenoiser(known.mixture, process), known.observation, known.covariance, Tiling(4)
    )
    assert isinstance(own, TwistedDenoiser)
    time = process.schedule.time(torch.tensor(-2 * math.log(0.5), dtype=F64))
    x_t = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    denoiser = MixtureDenoiser(known.mixture, process)
    mean = denoiser(x_t, time).mean
    jacobian = torch.autograd.functional.jacobian(lambda x: denoiser(x, time).mean.sum(0), x_t)
    spread = 0.25 * torch.einsum("mi,ibj,nj->bmn", known.matrix, jacobian, known.matrix)
    variance = spread[:, 0, 0] + known.noise**2
    residual = known.values - mean @ known.matrix.T
    wanted = -0.5 * (residual[:, 0] ** 2 / variance + variance.log())
    found = own.twisted(x_t, time).log_likelihood
    assert torch.allclose(found - found[0], wanted - wanted[0], atol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
def test_one_particle_is_exact_on_normal_data(method: MomentMatching | Quick) -> None:
    known = normal()
    samples = last(method.states(known.problem(400, 50), Wiener(), 50))
    reference = exact_samples(known)
    assert energy(samples, reference) / float(reference.var(0).sum().sqrt()) < 0.01


def test_a_function_that_is_not_linear_is_linearised_at_the_mean() -> None:
    """An affine function is its own linearisation."""
    known, process = normal(), Gaussian(VE())
    affine = FunctionOperator.of(lambda x: x[:, :3] + 2.0)
    shifted = Observation(affine, known.values[None] + 2.0, torch.tensor(known.noise, dtype=F64))
    denoiser = MixtureDenoiser(known.mixture, process)
    time = torch.tensor(0.4, dtype=F64)
    x_t = exact_samples(known, 5)
    method = MomentMatching(particles=1, iterations=20, tolerance=1e-14)
    found, wanted = (
        method.guided(denoiser, seen, known.covariance, Tiling(4))(x_t, time).mean
        for seen in (shifted, known.observation)
    )
    assert torch.allclose(found, wanted, atol=1e-6)


class _WithSlope(MixtureDenoiser):
    """The exact mean with a derivative that is wrong, as that of a network can be."""

    slope = 1.0

    def forward(
        self, x_t: Tensor, t: Tensor, label: Tensor | None = None, **cond: Any
    ) -> Posterior:
        """See :meth:`MixtureDenoiser.forward`."""
        mean = super().forward(x_t.detach(), t, label).mean
        return Posterior(mean + self.slope * (x_t - x_t.detach()))


@pytest.mark.parametrize("slope", [-1.0, 1e4])
def test_a_derivative_that_is_no_covariance_is_not_believed(slope: float) -> None:
    """One that is negative, or much too large: the covariance of the data takes its place."""
    known, process, time = normal(), Gaussian(VE()), torch.tensor(0.5, dtype=F64)
    wrong = _WithSlope(known.mixture, process)
    wrong.slope = slope
    x_t = exact_samples(known, 5)
    found, wanted = (
        method.guided(wrong, known.observation, known.covariance, Tiling(4))(x_t, time).mean
        for method in METHODS
    )
    assert torch.equal(found, wanted)
