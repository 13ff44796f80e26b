"""Sampling grids."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from sfumato.process.grids import (
    AngleGrid,
    AnyGrid,
    EDMGrid,
    LogSNRGrid,
    QuadraticGrid,
    UniformGrid,
)
from sfumato.process.keep import CosineKeep
from sfumato.process.schedule import VE, VP, Cosine, Linear

F64 = torch.float64
SIZE = 48
SCHEDULES = [Linear(), Cosine(), VP(), VE(), VE(sigma_max=0.5)]
GRIDS = [
    UniformGrid(),
    QuadraticGrid(),
    LogSNRGrid(),
    EDMGrid(),
    AngleGrid(),
    AngleGrid(pivot=0.3, lead=0.75),
]
TOKEN_GRIDS = [UniformGrid(), QuadraticGrid()]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
every_grid = pytest.mark.parametrize("grid", GRIDS, ids=repr)


@every_schedule
@every_grid
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100])
def test_grids_fall_from_one_to_zero(grid, schedule, steps):
    times = grid.times(steps, schedule, SIZE)
    assert times.shape == (steps + 1,) and times.dtype == F64
    assert times[0] == 1 and times[-1] == 0
    assert (times.diff() < 0).all()


@every_grid
def test_a_grid_without_steps_is_refused(grid):
    with pytest.raises(ValueError, match="at least one step"):
        grid.times(0, Linear(), SIZE)


@every_schedule
@every_grid
@pytest.mark.parametrize("start", [0.999, 0.7, 0.25, 0.01])
@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_a_grid_from_part_of_the_way_falls_from_there_to_zero(grid, schedule, start, steps):
    times = grid.times(steps, schedule, SIZE, start=start)
    assert times.shape == (steps + 1,) and times.dtype == F64
    assert times[0] == start and times[-1] == 0
    assert (times.diff() < 0).all()


@every_schedule
@every_grid
def test_a_grid_from_one_is_the_whole_grid(grid, schedule):
    assert torch.equal(grid.times(9, schedule, SIZE, start=1.0), grid.times(9, schedule, SIZE))


@pytest.mark.parametrize("schedule", [Linear(), VP()], ids=lambda s: s.kind)
@every_grid
@pytest.mark.parametrize("place", [1, 16, 40, 60])
def test_a_part_is_as_dense_as_the_whole_grid_there(grid, schedule, place):
    """Begun at a time of the whole grid with the steps that are left, it visits the same times."""
    whole = grid.times(64, schedule, SIZE)
    part = grid.times(64 - place, schedule, SIZE, start=whole[place].item())
    # The grids of noise levels are laid out over their steps, so that fine ones end a little lower.
    seen = torch.arange(64 - place + 1, dtype=F64)
    at = torch.from_numpy(np.interp(part.numpy()[::-1], whole.numpy()[::-1], range(64, -1, -1)))
    assert (at.flip(0) - place - seen).abs().max() < 1.0
    if isinstance(grid, (UniformGrid, QuadraticGrid, AngleGrid)):
        torch.testing.assert_close(part, whole[place:], rtol=1e-3, atol=1e-6)


def test_log_snr_grid_is_even_in_log_snr():
    gaps = Linear().log_snr(LogSNRGrid(low=0.01, high=50).times(9, Linear(), SIZE)[1:-1]).diff()
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps))


def test_edm_grid_is_even_in_the_root_of_the_noise_level():
    levels = torch.exp(-VP().log_snr(EDMGrid(rho=5.0).times(9, VP(), SIZE)[1:-1]) / 2)
    gaps = levels.pow(1 / 5).diff()
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps), rtol=1e-6, atol=0)


def test_edm_grid_ends_at_its_bounds():
    times = EDMGrid(low=0.002, high=80.0).times(18, VE(sigma_max=80.0), SIZE)
    levels = torch.exp(-VE().log_snr(times[:-1]) / 2)
    torch.testing.assert_close(levels[[0, -1]], torch.tensor([80.0, 0.002], dtype=F64))


def test_angle_grid_is_even_in_the_angle():
    for schedule in (Linear(), Cosine()):
        times = AngleGrid(pivot=1.0, power=1.0).times(8, schedule, SIZE)
        torch.testing.assert_close(schedule.log_snr(times[4]), torch.zeros((), dtype=F64))
    torch.testing.assert_close(
        AngleGrid(pivot=1.0, power=1.0).times(8, Cosine(), SIZE),
        UniformGrid().times(8, Cosine(), SIZE),
    )


def test_angle_grid_passes_its_pivot_half_way_whatever_its_power():
    for power in (0.5, 1.0):
        half = AngleGrid(pivot=0.3, power=power).times(8, Linear(), SIZE)[4]
        torch.testing.assert_close(half / (1 - half), torch.tensor(0.3, dtype=F64))


def test_angle_grid_with_less_power_reaches_further_to_both_ends():
    gentle, firm = (AngleGrid(pivot=0.5, power=p).times(8, Linear(), SIZE) for p in (0.5, 1.0))
    assert gentle[1] > firm[1] and gentle[-2] < firm[-2]


def test_quadratic_grid_is_the_square_of_the_even_one():
    quadratic, even = (
        QuadraticGrid().times(7, Linear(), SIZE),
        UniformGrid().times(7, Linear(), SIZE),
    )
    torch.testing.assert_close(quadratic.sqrt(), even)


@pytest.mark.parametrize("grid", TOKEN_GRIDS, ids=repr)
def test_grids_of_tokens_need_no_noise_level(grid):
    assert torch.equal(grid.times(7, CosineKeep(), SIZE), grid.times(7, VP(), SIZE))


def test_angle_grid_takes_a_longer_first_step_to_the_same_angles():
    """With a lead of one the times are those of a step more, and the first of them is left out."""
    led = AngleGrid(pivot=0.5, lead=1.0).times(8, Linear(), SIZE)
    longer = AngleGrid(pivot=0.5).times(9, Linear(), SIZE)
    torch.testing.assert_close(led[1:], longer[2:])


def test_angle_grid_turns_at_more_noise_for_larger_samples_unless_told():
    small, large = (AngleGrid().times(8, Linear(), size) for size in (2, 3072))
    assert (large[1:-1] > small[1:-1]).all()
    told = AngleGrid(pivot=0.5, power=0.7)
    assert torch.equal(told.times(8, Linear(), 2), told.times(8, Linear(), 3072))


@every_grid
@pytest.mark.parametrize("start", [0.0, -0.5, 1.5, float("nan")])
def test_a_start_out_of_range_is_refused(grid, start):
    with pytest.raises(ValueError, match="starts in"):
        grid.times(3, Linear(), SIZE, start=start)


@every_grid
def test_spec_round_trip(grid):
    assert TypeAdapter(AnyGrid).validate_json(grid.model_dump_json()) == grid
