"""Schedules against their closed forms."""

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from sfumato.process.schedule import VE, VP, AnySchedule, Cosine, Linear, Shifted, Tabulated

BETAS = tuple(torch.linspace(1e-4, 0.02, 50, dtype=torch.float64).tolist())
SCHEDULES = [
    Linear(),
    Cosine(),
    VP(),
    VP(low=1.0, high=1.0),
    VE(),
    VE(sigma_max=20, rho=1),
    Tabulated(betas=BETAS),
    Shifted(base=Linear(), shift=3.0),
    Shifted(base=Cosine(), shift=0.5),
    Shifted(base=VP(), shift=2.0),
    Shifted(base=VE(), shift=2.0),
    Shifted(base=Tabulated(betas=BETAS), shift=2.0),
]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
TIMES = torch.linspace(0, 1, 101, dtype=torch.float64)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@every_schedule
def test_clean_at_zero(schedule):
    alpha, sigma = schedule.coefficients(torch.zeros((), dtype=torch.float64))
    assert (alpha, sigma) == (1, 0)
    assert schedule.log_snr(torch.zeros((), dtype=torch.float64)) == math.inf


@every_schedule
def test_snr_falls_strictly(schedule):
    log_snr = schedule.log_snr(TIMES)
    assert (log_snr.diff()[1:] < 0).all() and log_snr[1] < math.inf


@every_schedule
def test_time_inverts_log_snr_ends_included(schedule):
    close(schedule.time(schedule.log_snr(TIMES)), TIMES, 1e-9)


@every_schedule
def test_log_snr_inverts_time(schedule):
    least = schedule.log_snr(torch.ones((), dtype=torch.float64)).clamp_min(-12)
    asked = torch.linspace(least.item(), 12.0, 40, dtype=torch.float64)
    close(schedule.log_snr(schedule.time(asked)), asked, 1e-9)


@every_schedule
def test_norm_is_one_on_the_path_and_brings_any_multiple_back(schedule):
    alpha, sigma = schedule.coefficients(TIMES)
    close(schedule.norm(alpha, sigma), torch.ones_like(TIMES))
    close(alpha * 3 / schedule.norm(3 * alpha, 3 * sigma), alpha)


@every_schedule
def test_rates_are_the_derivative(schedule):
    t = torch.tensor([0.113, 0.377, 0.613, 0.871], dtype=torch.float64)
    h = 1e-5
    above, below = schedule.coefficients(t + h), schedule.coefficients(t - h)
    for rate, high, low in zip(schedule.rates(t), above, below, strict=True):
        close(rate, (high - low) / (2 * h), 1e-6)


@every_schedule
def test_spec_round_trip(schedule):
    adapter = TypeAdapter(AnySchedule)
    assert adapter.validate_json(schedule.model_dump_json()) == schedule


def test_no_signal_is_left_where_the_path_says_so():
    one = torch.ones((), dtype=torch.float64)
    for schedule in (Linear(), Cosine(), Shifted(base=Cosine(), shift=2.0)):
        assert schedule.coefficients(one)[0] == 0
        assert schedule.log_snr(one) == -math.inf


def test_variance_preserving_ones_are():
    for schedule in (Cosine(), VP(), Tabulated(betas=BETAS), Shifted(base=VP(), shift=4.0)):
        alpha, sigma = schedule.coefficients(TIMES)
        close(alpha.square() + sigma.square(), torch.ones_like(TIMES))


def test_vp_loses_signal_at_rate_beta():
    """d log alpha / dt = -beta(t) / 2 (Song et al. 2021, eq. 29), by differentiation."""
    schedule = VP(low=0.1, high=20.0)
    alpha, _ = schedule.coefficients(TIMES)
    beta = torch.lerp(torch.tensor(0.1), torch.tensor(20.0), TIMES.float()).double()
    close(schedule.rates(TIMES[1:])[0] / alpha[1:], -beta[1:] / 2, 1e-6)


def test_tabulated_is_the_published_cumulative_product():
    schedule = Tabulated(betas=BETAS)
    alpha_bar = torch.cumprod(1 - torch.tensor(BETAS, dtype=torch.float64), 0)
    steps = torch.arange(1, len(BETAS) + 1, dtype=torch.float64) / len(BETAS)
    close(schedule.coefficients(steps)[0].square(), alpha_bar)


@every_schedule
def test_equal_schedules_stay_equal_and_hashable_once_used(schedule):
    twin = type(schedule).model_validate(schedule.model_dump())
    for one in (schedule, twin):
        one.coefficients(TIMES)
    assert twin == schedule and hash(twin) == hash(schedule)


@pytest.mark.parametrize("shift", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("base", [Linear(), Cosine(), VP(), VE()], ids=str)
def test_shift_moves_log_snr_by_twice_its_logarithm(base, shift):
    t = TIMES[1:-1]
    moved = base.log_snr(t) - Shifted(base=base, shift=shift).log_snr(t)
    close(moved, torch.full_like(t, 2 * math.log(shift)), 1e-11)


def test_shifted_linear_is_the_published_time_map():
    """Esser et al. 2024, eq. 23: shifting is the same as going to time m t / (1 + (m - 1) t)."""
    mapped = 3 * TIMES / (1 + 2 * TIMES)
    for got, want in zip(
        Shifted(base=Linear(), shift=3.0).coefficients(TIMES),
        Linear().coefficients(mapped),
        strict=True,
    ):
        close(got, want)


@pytest.mark.parametrize("betas", [(), (0.0,), (1.0,), (0.1, -0.1)])
def test_bad_tables_are_refused(betas):
    with pytest.raises(ValidationError):
        Tabulated(betas=betas)


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError):
        VP(low=0.1, hihg=20.0)
