"""Training times."""

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from sfumato.process.grids import AnyTokenGrid, LogSNRGrid, QuadraticGrid, UniformGrid
from sfumato.process.keep import CosineKeep, LinearKeep
from sfumato.process.schedule import VE, VP, Cosine, Linear
from sfumato.process.times import (
    AnyTimes,
    AnyTokenTimes,
    ClippedTimes,
    LogitNormal,
    LogNormal,
    UniformTimes,
)

F64 = torch.float64
SCHEDULES = [Linear(), Cosine(), VP(), VE(), VE(sigma_max=0.5)]
DISTRIBUTIONS = [UniformTimes(), LogitNormal(mean=0.3, std=0.8), LogNormal()]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
every_distribution = pytest.mark.parametrize("times", DISTRIBUTIONS, ids=lambda d: d.kind)


@every_distribution
def test_quantile_rises_within_the_unit_interval(times):
    t = times.quantile(torch.linspace(0.01, 0.99, 99, dtype=F64), VP())
    assert (t.diff() > 0).all() and t[0] > 0 and t[-1] < 1


def test_medians_are_as_stated():
    half = torch.tensor(0.5, dtype=F64)
    torch.testing.assert_close(
        torch.logit(LogitNormal(mean=0.3).quantile(half, VP())), torch.tensor(0.3, dtype=F64)
    )
    median = LogNormal(mean=-1.2).quantile(half, VE())
    torch.testing.assert_close(VE().log_snr(median), torch.tensor(2.4, dtype=F64))


@every_distribution
@pytest.mark.parametrize("step", [0, 1, 17])
def test_a_batch_has_one_time_in_every_stratum(times, step):
    """Whatever the offset, one time falls in each of the batch's equally likely parts."""
    batch = 16
    t = times.draw(VP(), seed=3, step=step, slots=range(batch), batch=batch)
    edges = times.quantile(torch.arange(1, batch, dtype=F64) / batch, VP())
    counts = torch.bincount(torch.bucketize(t, edges), minlength=batch)
    assert counts.tolist() == [1] * batch


def test_times_belong_to_slots_not_to_workers():
    whole = UniformTimes().draw(VP(), seed=3, step=5, slots=range(8), batch=8)
    parts = [UniformTimes().draw(VP(), seed=3, step=5, slots=s, batch=8) for s in ([6, 1], [0])]
    assert torch.equal(torch.cat(parts), whole[[6, 1, 0]])


def test_times_change_from_step_to_step_and_are_uniform_in_the_long_run():
    first = [
        UniformTimes().draw(VP(), seed=0, step=k, slots=[0], batch=4).item() for k in range(400)
    ]
    t = torch.tensor(first).sort().values
    distance = (t - (torch.arange(400) + 0.5) / 400).abs().max()
    assert distance * math.sqrt(400) < 1.63


@pytest.mark.parametrize("value", DISTRIBUTIONS, ids=repr)
def test_spec_round_trip(value):
    assert TypeAdapter(AnyTimes).validate_json(value.model_dump_json()) == value


TOKEN_TIMES = [UniformTimes(), ClippedTimes(), ClippedTimes(low=0.3, high=0.8)]
TOKEN_GRIDS = [UniformGrid(), QuadraticGrid()]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.8), (0.0, 0.5), (0.45, 0.95)])
def test_clipped_times_fill_their_range_evenly(low, high):
    """One time in each of the range's equal parts, and none outside."""
    t = ClippedTimes(low=low, high=high).draw(
        LinearKeep(), seed=1, step=2, slots=range(20), batch=20
    )
    parts = ((t - low) / (high - low) * 20).floor()
    assert sorted(parts.tolist()) == list(range(20))


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.8, 0.3), (-0.1, 0.5), (0.5, 1.1)])
def test_a_range_that_is_none_is_refused(low, high):
    with pytest.raises(ValidationError):
        ClippedTimes(low=low, high=high)


@pytest.mark.parametrize("times", TOKEN_TIMES, ids=repr)
def test_times_of_tokens_need_no_noise_level(times):
    """They are the same along a keep rule as along a schedule."""
    along_keep, along_schedule = (
        times.draw(path, seed=3, step=5, slots=range(8), batch=8) for path in (CosineKeep(), VP())
    )
    assert torch.equal(along_keep, along_schedule)


def test_a_noise_level_is_not_asked_of_tokens():
    with pytest.raises(TypeError, match="no noise level"):
        LogNormal().quantile(torch.tensor(0.5, dtype=F64), LinearKeep())


@pytest.mark.parametrize("value", [*TOKEN_TIMES, *TOKEN_GRIDS], ids=repr)
def test_token_spec_round_trip(value):
    adapter = TypeAdapter(AnyTokenGrid if value in TOKEN_GRIDS else AnyTokenTimes)
    assert adapter.validate_json(value.model_dump_json()) == value


@pytest.mark.parametrize(
    ("registry", "value"), [(AnyTokenTimes, LogNormal()), (AnyTokenGrid, LogSNRGrid())], ids=repr
)
def test_tokens_are_not_offered_noise_levels(registry, value):
    with pytest.raises(ValidationError):
        TypeAdapter(registry).validate_json(value.model_dump_json())
