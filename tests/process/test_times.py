"""Training times and sampling grids."""

import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from sfumato.process.keep import CosineKeep, LinearKeep
from sfumato.process.schedule import VE, VP, Cosine, Linear
from sfumato.process.times import (
    AngleGrid,
    AnyGrid,
    AnyTimes,
    AnyTokenGrid,
    AnyTokenTimes,
    ClippedTimes,
    EDMGrid,
    LogitNormal,
    LogNormal,
    LogSNRGrid,
    QuadraticGrid,
    UniformGrid,
    UniformTimes,
)

F64 = torch.float64
SCHEDULES = [Linear(), Cosine(), VP(), VE(), VE(sigma_max=0.5)]
DISTRIBUTIONS = [UniformTimes(), LogitNormal(mean=0.3, std=0.8), LogNormal()]
GRIDS = [UniformGrid(), QuadraticGrid(), LogSNRGrid(), EDMGrid(), AngleGrid()]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
every_distribution = pytest.mark.parametrize("times", DISTRIBUTIONS, ids=lambda d: d.kind)
every_grid = pytest.mark.parametrize("grid", GRIDS, ids=lambda g: g.kind)


@every_schedule
@every_grid
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100])
def test_grids_fall_from_one_to_zero(grid, schedule, steps):
    times = grid.times(steps, schedule)
    assert times.shape == (steps + 1,) and times.dtype == F64
    assert times[0] == 1 and times[-1] == 0
    assert (times.diff() < 0).all()


@every_grid
def test_a_grid_without_steps_is_refused(grid):
    with pytest.raises(ValueError, match="at least one step"):
        grid.times(0, Linear())


@every_schedule
@every_grid
@pytest.mark.parametrize("start", [0.999, 0.7, 0.25, 0.01])
@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_a_grid_from_part_of_the_way_falls_from_there_to_zero(grid, schedule, start, steps):
    times = grid.times(steps, schedule, start=start)
    assert times.shape == (steps + 1,) and times.dtype == F64
    assert times[0] == start and times[-1] == 0
    assert (times.diff() < 0).all()


@every_schedule
@every_grid
def test_a_grid_from_one_is_the_whole_grid(grid, schedule):
    assert torch.equal(grid.times(9, schedule, start=1.0), grid.times(9, schedule))


@pytest.mark.parametrize("schedule", [Linear(), VP()], ids=lambda s: s.kind)
@every_grid
@pytest.mark.parametrize("place", [1, 16, 40, 60])
def test_a_part_is_as_dense_as_the_whole_grid_there(grid, schedule, place):
    """Begun at a time of the whole grid with the steps that are left, it visits the same times."""
    whole = grid.times(64, schedule)
    part = grid.times(64 - place, schedule, start=whole[place].item())
    # The grids of noise levels are laid out over their steps, so that fine ones end a little lower.
    seen = torch.arange(64 - place + 1, dtype=F64)
    at = torch.from_numpy(np.interp(part.numpy()[::-1], whole.numpy()[::-1], range(64, -1, -1)))
    assert (at.flip(0) - place - seen).abs().max() < 1.0
    if isinstance(grid, (UniformGrid, QuadraticGrid, AngleGrid)):
        torch.testing.assert_close(part, whole[place:], rtol=1e-3, atol=1e-6)


@every_grid
@pytest.mark.parametrize("start", [0.0, -0.5, 1.5, float("nan")])
def test_a_start_out_of_range_is_refused(grid, start):
    with pytest.raises(ValueError, match="starts in"):
        grid.times(3, Linear(), start=start)


def test_log_snr_grid_is_even_in_log_snr():
    gaps = Linear().log_snr(LogSNRGrid(low=0.01, high=50).times(9, Linear())[1:-1]).diff()
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps))


def test_edm_grid_is_even_in_the_root_of_the_noise_level():
    levels = torch.exp(-VP().log_snr(EDMGrid(rho=5.0).times(9, VP())[1:-1]) / 2)
    gaps = levels.pow(1 / 5).diff()
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps), rtol=1e-6, atol=0)


def test_edm_grid_ends_at_its_bounds():
    times = EDMGrid(low=0.002, high=80.0).times(18, VE(sigma_max=80.0))
    levels = torch.exp(-VE().log_snr(times[:-1]) / 2)
    torch.testing.assert_close(levels[[0, -1]], torch.tensor([80.0, 0.002], dtype=F64))


def test_angle_grid_is_even_in_the_angle():
    for schedule in (Linear(), Cosine()):
        times = AngleGrid(pivot=1.0, power=1.0).times(8, schedule)
        torch.testing.assert_close(schedule.log_snr(times[4]), torch.zeros((), dtype=F64))
    torch.testing.assert_close(
        AngleGrid(pivot=1.0, power=1.0).times(8, Cosine()), UniformGrid().times(8, Cosine())
    )


def test_angle_grid_passes_its_pivot_half_way_whatever_its_power():
    for power in (0.5, 1.0):
        half = AngleGrid(pivot=0.3, power=power).times(8, Linear())[4]
        torch.testing.assert_close(half / (1 - half), torch.tensor(0.3, dtype=F64))


def test_angle_grid_with_less_power_reaches_further_to_both_ends():
    gentle, firm = (AngleGrid(power=p).times(8, Linear()) for p in (0.5, 1.0))
    assert gentle[1] > firm[1] and gentle[-2] < firm[-2]


def test_quadratic_grid_is_the_square_of_the_even_one():
    quadratic, even = QuadraticGrid().times(7, Linear()), UniformGrid().times(7, Linear())
    torch.testing.assert_close(quadratic.sqrt(), even)


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


@pytest.mark.parametrize("value", [*GRIDS, *DISTRIBUTIONS], ids=repr)
def test_spec_round_trip(value):
    adapter = TypeAdapter(AnyGrid if value in GRIDS else AnyTimes)
    assert adapter.validate_json(value.model_dump_json()) == value


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


@pytest.mark.parametrize("grid", TOKEN_GRIDS, ids=repr)
def test_grids_of_tokens_need_no_noise_level(grid):
    assert torch.equal(grid.times(7, CosineKeep()), grid.times(7, VP()))


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
