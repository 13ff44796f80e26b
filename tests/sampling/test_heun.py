"""Heun's step and its churn."""

import math
from collections import deque

import pytest
import torch

from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE, VP, Cosine, Linear
from sfumato.sampling.runge_kutta import Heun, StochasticHeun
from sfumato.sampling.sampler import Context

F64 = torch.float64
MIXTURE = GaussianMixture.build(torch.tensor([[1.0], [-0.5]]), stds=torch.tensor([[0.2], [0.4]]))


def context(schedule, noise=0.0, cost=2, steps=10, seen=None):
    process = Gaussian(schedule)
    exact = MixtureDenoiser(MIXTURE, process)

    def denoise(x_t, t):
        if seen is not None:
            seen.append((x_t, t))
        return exact(x_t, t).mean

    return Context(
        process, denoise, lambda: torch.full((1, 1), noise, dtype=F64), deque(), cost, 0, steps
    )


def time(value):
    return torch.tensor(value, dtype=F64)


@pytest.mark.parametrize(
    ("evaluations", "plan"),
    [(1, (1,)), (2, (1, 1)), (3, (2, 1)), (4, (1, 2, 1)), (5, (2, 2, 1)), (6, (1, 2, 2, 1))],
)
def test_plan(evaluations, plan):
    assert Heun().plan(evaluations) == plan == StochasticHeun().plan(evaluations)


def test_where_the_noise_is_low_the_step_is_the_published_one():
    """Karras et al. 2022, algorithm 1, in its own variables."""
    schedule = VE(sigma_max=1.0, rho=1)
    t, s = time(0.0010), time(0.0008)
    x = torch.tensor([[0.9]], dtype=F64)
    exact = MixtureDenoiser(MIXTURE, Gaussian(schedule))
    d = (x - exact(x, t).mean) / t
    euler = x + (s - t) * d
    want = x + (s - t) * (d + (euler - exact(euler, s).mean) / s) / 2
    got = Heun().step(x, t, s, context(schedule))
    assert (got - want).abs().item() < 1e-3 * (want - euler).abs().item()


@pytest.mark.parametrize("schedule", [Linear(), Cosine(), VP(), VE()], ids=lambda s: s.kind)
def test_churn_raises_the_level_and_keeps_the_marginal(schedule):
    """x_hat = (alpha_hat / alpha) x + c noise: the mean and variance of x_t at t_hat."""
    t = schedule.time(time(-2.0))
    alpha, sigma = schedule.coefficients(t)
    states = []
    for x, noise in ((alpha, 0.0), (sigma, 0.0), (torch.zeros((), dtype=F64), 1.0)):
        around = context(schedule, noise=noise, seen=states)
        StochasticHeun(churn=3).step(x.reshape(1, 1), t, schedule.time(time(0.0)), around)
    (data, t_hat), (old, _), (new, _) = states[0], states[2], states[4]
    alpha_hat, sigma_hat = schedule.coefficients(t_hat)
    assert (sigma_hat / alpha_hat / (sigma / alpha)).item() == pytest.approx(1.3)
    assert data.item() == pytest.approx(alpha_hat.item())
    assert (old.square() + new.square()).item() == pytest.approx(sigma_hat.square().item())


def test_churn_is_spread_over_the_steps_and_bounded():
    schedule, t = Linear(), time(0.5)
    for churn, steps, raised in ((2.0, 10, 1.2), (2.0, 20, 1.1), (400.0, 10, math.sqrt(2))):
        seen = []
        sampler = StochasticHeun(churn=churn)
        sampler.step(torch.zeros(1, 1), t, time(0.4), context(schedule, steps=steps, seen=seen))
        t_hat = seen[0][1]
        assert (t_hat / (1 - t_hat)).item() == pytest.approx(raised)


@pytest.mark.parametrize("level", [0.04, 60.0, math.inf])
def test_outside_its_bounds_there_is_no_churn(level):
    schedule = Linear()
    t, seen = schedule.time(time(-2 * math.log(level))), []
    x = torch.ones(1, 1, dtype=F64)
    StochasticHeun().step(x, t, t * 0.9, context(schedule, noise=5.0, seen=seen))
    assert seen[0][1] == t and torch.equal(seen[0][0], x)


def test_a_schedule_that_ends_low_bounds_the_churn():
    schedule, seen = VE(sigma_max=10.0, rho=1), []
    StochasticHeun().step(
        torch.ones(1, 1, dtype=F64), time(0.95), time(0.5), context(schedule, seen=seen)
    )
    assert seen[0][1] == 1


def test_extra_deviation_scales_the_fresh_noise_alone():
    schedule, t = Linear(), time(0.5)
    seen = []
    for s_noise in (1.0, 2.0):
        StochasticHeun(s_noise=s_noise).step(
            torch.zeros(1, 1, dtype=F64), t, time(0.4), context(schedule, noise=1.0, seen=seen)
        )
    assert (seen[2][0] / seen[0][0]).item() == pytest.approx(2.0)
