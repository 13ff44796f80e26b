"""Predictions: every one can be read from every other."""

import itertools
import math

import pytest
import torch
from pydantic import TypeAdapter

from sfumato.process.gaussian import Gaussian, spread
from sfumato.process.prediction import EDM, X0, AnyPrediction, Eps, Score, V, Velocity
from sfumato.process.schedule import VE, VP, Cosine, Linear, Shifted

F64 = torch.float64
PREDICTIONS = [X0(), Eps(), V(), Velocity(), Score(), EDM(sigma_data=0.4)]
SCHEDULES = [Linear(), Cosine(), VP(), VE(), Shifted(base=Cosine(), shift=2.0)]
every_prediction = pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.kind)
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)


@pytest.fixture
def t():
    return torch.tensor([0.05, 0.3, 0.5, 0.8, 0.97], dtype=F64)


@pytest.fixture
def x0():
    return torch.randn(5, 7, dtype=F64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def eps():
    return torch.randn(5, 7, dtype=F64, generator=torch.Generator().manual_seed(2))


@every_schedule
@every_prediction
def test_target_is_read_back_as_data_and_noise(prediction, schedule, t, x0, eps):
    x_t = Gaussian(schedule).corrupt(x0, t, eps)
    y = prediction.target(schedule, t, x0, eps)
    for terms, want in ((prediction.to_x0, x0), (prediction.to_eps, eps)):
        skip, out = (spread(c, x_t) for c in terms(schedule, t))
        torch.testing.assert_close(skip * x_t + out * y, want, rtol=1e-7, atol=1e-7)


@every_schedule
@pytest.mark.parametrize(
    ("first", "second"), list(itertools.permutations(PREDICTIONS, 2)), ids=lambda p: p.kind
)
def test_any_to_any(first, second, schedule, t, x0, eps):
    x_t = Gaussian(schedule).corrupt(x0, t, eps)
    y = first.target(schedule, t, x0, eps)
    c_skip, c_out = first.to_x0(schedule, t)
    d_skip, d_out = first.to_eps(schedule, t)
    data = spread(c_skip, x_t) * x_t + spread(c_out, x_t) * y
    noise = spread(d_skip, x_t) * x_t + spread(d_out, x_t) * y
    want = second.target(schedule, t, x0, eps)
    torch.testing.assert_close(second.target(schedule, t, data, noise), want, rtol=1e-6, atol=1e-6)


@every_schedule
def test_velocity_is_the_derivative_of_the_path(schedule, t, x0, eps):
    process, h = Gaussian(schedule), 1e-5
    slope = (process.corrupt(x0, t + h, eps) - process.corrupt(x0, t - h, eps)) / (2 * h)
    target = Velocity().target(schedule, t, x0, eps)
    torch.testing.assert_close(target, slope, rtol=1e-5, atol=1e-5)


def test_velocity_of_the_straight_path_is_noise_minus_data(t, x0, eps):
    torch.testing.assert_close(Velocity().target(Linear(), t, x0, eps), eps - x0)


def test_v_is_the_angular_velocity_of_the_cosine_path(t, x0, eps):
    v = V().target(Cosine(), t, x0, eps)
    velocity = Velocity().target(Cosine(), t, x0, eps)
    torch.testing.assert_close(v * math.pi / 2, velocity)


@every_schedule
def test_score_is_the_gradient_of_the_log_density(schedule, t, x0, eps):
    process = Gaussian(schedule)
    x_t = process.corrupt(x0, t, eps).requires_grad_()
    alpha, sigma = schedule.coefficients(t)
    normal = torch.distributions.Normal(spread(alpha, x0) * x0, spread(sigma, x0))
    (gradient,) = torch.autograd.grad(normal.log_prob(x_t).sum(), x_t)
    torch.testing.assert_close(Score().target(schedule, t, x0, eps), gradient)


def test_edm_row_gives_the_published_preconditioning():
    """Karras et al. 2022, table 1: at sigma = sigma_data, c_skip = 1/2, c_out = sigma/sqrt 2."""
    schedule = VE(sigma_max=10.0, rho=1)
    c_skip, c_out = EDM(sigma_data=0.5).to_x0(schedule, torch.tensor([0.05, 0.1], dtype=F64))
    torch.testing.assert_close(c_skip, torch.tensor([0.5, 0.2], dtype=F64))
    want = torch.tensor([0.5 / math.sqrt(2), 0.5 / math.sqrt(1.25)], dtype=F64)
    torch.testing.assert_close(c_out, want)


@every_schedule
def test_edm_target_of_such_data_has_unit_variance_and_no_tie_to_the_state(schedule, t):
    a, b = EDM(sigma_data=0.4).row(schedule, t)
    alpha, sigma = schedule.coefficients(t)
    torch.testing.assert_close(a.square() * 0.4**2 + b.square(), torch.ones_like(t))
    torch.testing.assert_close(a * alpha * 0.4**2 + b * sigma, torch.zeros_like(t))


def test_edm_at_unit_deviation_is_minus_v(t, x0, eps):
    for schedule in (Cosine(), VP()):
        edm = EDM(sigma_data=1.0).target(schedule, t, x0, eps)
        torch.testing.assert_close(edm, -V().target(schedule, t, x0, eps))


@pytest.mark.parametrize("prediction", [X0(), V(), Velocity(), EDM()], ids=lambda p: p.kind)
def test_finite_where_no_signal_is_left(prediction):
    terms = prediction.to_x0(Linear(), torch.ones((), dtype=F64))
    assert all(term.isfinite() for term in terms)


@every_prediction
def test_spec_round_trip(prediction):
    assert TypeAdapter(AnyPrediction).validate_json(prediction.model_dump_json()) == prediction
