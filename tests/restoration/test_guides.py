"""Guides against the exact posterior of normal data, and against the formulas of a peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato.denoiser import Denoiser
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE, VP, Cosine, Linear, Schedule
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.diffpir import DiffPIR
from sfumato.restoration.dps import DPS
from sfumato.restoration.method import Guide
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import LinearFunction
from sfumato.restoration.pigdm import PiGDM
from sfumato.restoration.problem import Tiling
from sfumato.restoration.tmpd import TMPD

F64 = torch.float64
TIMES = [1.0, 0.9999, 0.8, 0.5, 0.2, 0.01]
every_schedule = pytest.mark.parametrize(
    "schedule", [Linear(), Cosine(), VP(), VE()], ids=lambda s: s.kind
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


MATRIX = random(3, 5)
NOISE = 0.3
Y = random(1, 3, seed=1)


def normal(covariance: Tensor) -> GaussianMixture:
    return GaussianMixture.build(random(1, len(covariance), seed=2), covariances=covariance[None])


def guided(
    guide: Guide,
    data: GaussianMixture,
    schedule: Schedule,
    matrix: Tensor = MATRIX,
    noise: Tensor | float = NOISE,
) -> Denoiser:
    operator = LinearFunction.of(lambda x: x @ matrix.T)
    observation = Observation(operator, Y[:, : len(matrix)], torch.as_tensor(noise, dtype=F64))
    return guide.guided(
        MixtureDenoiser(data, Gaussian(schedule)),
        observation,
        Covariance.dense(data.covariances[0]),
        Tiling(4),
    )


def exact(data: GaussianMixture, schedule: Schedule, matrix: Tensor = MATRIX) -> Denoiser:
    posterior = data.posterior(matrix, Y[0, : len(matrix)], NOISE)
    return MixtureDenoiser(posterior, Gaussian(schedule))


def check_exact(guide: Guide, data: GaussianMixture, schedule: Schedule, matrix: Tensor) -> None:
    mine, true = guided(guide, data, schedule, matrix), exact(data, schedule, matrix)
    for at in TIMES:
        t = torch.tensor(at, dtype=F64)
        x_t = Gaussian(schedule).corrupt(random(4, 5, seed=3), t, random(4, 5, seed=4))
        # Where the state tells next to nothing, the covariance of the data stands for its own.
        is_noise = schedule.log_snr(t).exp() < 0.01
        torch.testing.assert_close(
            mine(x_t, t).mean, true(x_t, t).mean, rtol=1e-6, atol=1e-3 if is_noise else 1e-8
        )


@every_schedule
@pytest.mark.parametrize("variance", [1.0, 0.3])
def test_pigdm_is_exact_on_normal_data_of_one_variance(schedule: Schedule, variance: float) -> None:
    data = normal(variance * torch.eye(5, dtype=F64))
    check_exact(PiGDM(variance=variance), data, schedule, MATRIX)


@every_schedule
def test_tmpd_is_exact_where_observed_values_are_independent(schedule: Schedule) -> None:
    # Directions of the covariance are observed one by one, each with a variance of its own.
    variances, directions = torch.linalg.eigh(random(5, 5) @ random(5, 5).T + torch.eye(5))
    data = normal((directions * variances) @ directions.T)
    scales = torch.tensor([[0.5], [1.0], [2.0]], dtype=F64)
    check_exact(TMPD(), data, schedule, scales * directions.T[[0, 2, 4]])


def test_tmpd_is_exact_for_one_value_of_any_data() -> None:
    data = normal(random(5, 5) @ random(5, 5).T + torch.eye(5, dtype=F64))
    check_exact(TMPD(), data, Linear(), MATRIX[:1])


def test_diffpir_is_exact_where_the_data_are_spread_far_beyond_the_noise() -> None:
    data = normal(1e8 * torch.eye(5, dtype=F64))
    mine, true = guided(DiffPIR(), data, Linear()), exact(data, Linear())
    for at in (0.6, 0.3, 0.05):
        t, x_t = torch.tensor(at, dtype=F64), random(4, 5, seed=3)
        torch.testing.assert_close(mine(x_t, t).mean, true(x_t, t).mean, rtol=1e-5, atol=1e-5)


def test_dps_with_one_observed_value_goes_towards_it_by_the_gradient_of_the_residual() -> None:
    """Its shift of the mean is along the gradient by the state, and has no unit."""
    data = normal(random(5, 5) @ random(5, 5).T + torch.eye(5, dtype=F64))
    prior = MixtureDenoiser(data, Gaussian(Linear()))
    t = torch.tensor(0.5, dtype=F64)
    x_t = random(4, 5, seed=3).requires_grad_()
    mean = prior(x_t, t).mean
    (descent,) = torch.autograd.grad(-(Y - mean @ MATRIX.T).norm(dim=1).sum(), x_t)
    shift = guided(DPS(), data, Linear())(x_t.detach(), t).mean - mean.detach()
    torch.testing.assert_close(torch.cosine_similarity(shift, descent), torch.ones(4, dtype=F64))
    twice = guided(DPS(zeta=4.0), data, Linear())(x_t.detach(), t).mean - mean.detach()
    torch.testing.assert_close(twice, 2 * shift)


def test_a_noise_for_each_value_is_the_same_as_scaled_values() -> None:
    data = normal(random(5, 5) @ random(5, 5).T + torch.eye(5, dtype=F64))
    scales = torch.tensor([0.2, 1.0, 3.0], dtype=F64)
    t, x_t = torch.tensor(0.5, dtype=F64), random(4, 5, seed=3)
    for guide in (PiGDM(), DPS(), DiffPIR()):
        own = guided(guide, data, Linear(), MATRIX, scales)
        observation = Observation(
            LinearFunction.of(lambda x: x @ (MATRIX / scales[:, None]).T),
            Y / scales,
            torch.tensor(1.0, dtype=F64),
        )
        scaled = guide.guided(own.denoiser, observation, own.covariance, own.tiling)
        torch.testing.assert_close(own(x_t, t).mean, scaled(x_t, t).mean)


# Azula's implementations of the same formulas, in float64, on correlated normal data.

DATA = normal(0.2 * random(5, 5) @ random(5, 5).T + torch.eye(5, dtype=F64))
POSITIVE = random(3, 5).abs()


class AsAzula:
    """A denoiser of ours as azula calls it."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.denoiser.process.schedule.coefficients(t)

    def __call__(self, x_t: Tensor, t: Tensor) -> Any:
        return self.denoiser(x_t, t)


def observe(x: Tensor) -> Tensor:
    return x @ POSITIVE.T


@pytest.mark.parametrize("at", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("schedule", [Linear(), Cosine(), VP()], ids=lambda s: s.kind)
def test_tmpd_and_diffpir_are_those_of_azula(schedule: Schedule, at: float) -> None:
    guidance = pytest.importorskip("azula.guidance.tmpd")
    diffpir = pytest.importorskip("azula.guidance.diffpir")
    t, x_t = torch.tensor(at, dtype=F64), random(4, 5, seed=3)
    peer = AsAzula(MixtureDenoiser(DATA, Gaussian(schedule)))
    cases: list[tuple[Guide, Callable[..., Any], dict[str, Any]]] = [
        (TMPD(), guidance.TMPDenoiser, {}),
        (
            DiffPIR(strength=7.0),
            diffpir.DiffPIRDenoiser,
            {"lmbda": 7.0, "solver": "cg", "iterations": 20},
        ),
    ]
    for guide, theirs, settings in cases:
        module = theirs(peer, Y, observe, NOISE**2, **settings)
        mine = guided(guide, DATA, schedule, POSITIVE)(x_t, t).mean
        torch.testing.assert_close(mine, module(x_t, t).mean, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("at", [0.9, 0.5, 0.1])
def test_a_step_of_dps_is_that_of_azula_with_the_step_size_of_the_text(at: float) -> None:
    azula = pytest.importorskip("azula.guidance.dps")
    process = Gaussian(Linear())
    prior = MixtureDenoiser(DATA, process)
    t, s = torch.tensor(at, dtype=F64), torch.tensor(0.7 * at, dtype=F64)
    x_t = 3 * random(1, 5, seed=3)
    mine = guided(DPS(), DATA, Linear(), POSITIVE)(x_t, t).mean
    alpha, sigma = process.schedule.coefficients(t)
    zero, one = torch.zeros(1, dtype=F64), torch.ones(1, dtype=F64)
    weight = process.bridge(zero, one, t, s).mean
    residual = (Y - observe(prior(x_t, t).mean)).norm()
    assert residual.square() / 3 > NOISE**2
    zeta = DPS().zeta * weight * sigma**2 / alpha * 3 / residual
    peer = azula.DPSSampler.__new__(azula.DPSSampler)
    peer.denoiser, peer.y, peer.A, peer.zeta = AsAzula(prior), Y, observe, zeta
    torch.manual_seed(0)
    theirs = peer.step(x_t, t, s)
    torch.manual_seed(0)
    ours = process.bridge(x_t, mine, t, s).sample(torch.randn_like(x_t))
    torch.testing.assert_close(ours, theirs)
