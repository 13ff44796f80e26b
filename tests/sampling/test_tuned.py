"""Tuned samplers and the fit that makes them."""

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from sfumato.errors import SettingError
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.grids import TimeGrid
from sfumato.process.schedule import VE, VP, Cosine, Linear
from sfumato.sampling import (
    DDIM,
    AnySampler,
    KeyedNoise,
    Tuned,
    UniPC,
    Wiener,
    sample,
)
from sfumato.sampling.tuning import Examples, fit, weights_of

F64 = torch.float64
MIXTURE = GaussianMixture.build(
    torch.tensor([[0.8, -0.3, 0.1], [-0.6, 0.5, 0.4], [0.1, 0.9, -0.7]]),
    stds=torch.tensor([[0.3, 0.1, 0.02], [0.1, 0.2, 0.05], [0.05, 0.05, 0.3]]),
)
TWO = Tuned(weights=((1.0,), (0.25, 0.75)), grid=TimeGrid(at=(0.4,)))


def examples(denoiser, indices):
    noise = KeyedNoise(5, indices)
    return Examples(noise, (3,), {}, sample(denoiser, Wiener(), noise, (3,), 120))


@pytest.mark.parametrize("schedule", [Linear(), Cosine(), VP(), VE()], ids=lambda s: s.kind)
@pytest.mark.parametrize("sampler", [Wiener(), UniPC(), DDIM()], ids=lambda s: s.kind)
@pytest.mark.parametrize("steps", [2, 5, 9])
def test_weights_read_off_a_sampler_make_the_same_samples(schedule, sampler, steps):
    denoiser = MixtureDenoiser(MIXTURE, Gaussian(schedule))
    times = sampler.grid.times(steps, schedule, 3)
    grid = TimeGrid(at=tuple(times[1:-1].tolist()))
    rows = weights_of(sampler.sized(3), denoiser.process, grid)
    weights = tuple(tuple(rows[k, : k + 1].tolist()) for k in range(steps))
    noise = KeyedNoise(0, range(6), dtype=F64)
    torch.testing.assert_close(
        sample(denoiser, Tuned(weights=weights, grid=grid), noise, (3,), steps),
        sample(denoiser, sampler, noise, (3,), steps),
        rtol=1e-6,
        atol=1e-8,
    )


def test_a_fit_beats_where_it_began_on_noise_that_it_has_not_seen():
    denoiser = MixtureDenoiser(MIXTURE, Gaussian(Linear()))
    taught, unseen = examples(denoiser, range(96)), examples(denoiser, range(96, 400))
    rounds = list(fit(denoiser, Wiener(), taught, 8, 4))
    assert [r.number for r in rounds] == list(range(len(rounds)))
    assert math.isclose(rounds[0].error, taught.error(denoiser, Wiener(), 8), rel_tol=1e-4)
    assert rounds[-1].error < 0.5 * rounds[0].error
    fitted = rounds[-1].sampler
    assert unseen.error(denoiser, fitted, 8) < 0.8 * unseen.error(denoiser, Wiener(), 8)


def test_data_that_are_one_point_are_found_exactly():
    point = GaussianMixture.build(torch.tensor([[0.3, -0.7]]), stds=0.0)
    denoiser = MixtureDenoiser(point, Gaussian(Linear()))
    x0 = sample(denoiser, TWO, KeyedNoise(1, range(4)), (2,), 2)
    assert torch.equal(x0, torch.tensor([[0.3, -0.7]]).expand(4, 2))


def test_a_sample_is_the_same_in_any_batch():
    denoiser = MixtureDenoiser(MIXTURE, Gaussian(VP()))
    whole = sample(denoiser, TWO, KeyedNoise(5, range(4)), (3,), 2)
    torch.testing.assert_close(sample(denoiser, TWO, KeyedNoise(5, [2]), (3,), 2), whole[2:3])


@pytest.mark.parametrize("evaluations", [1, 3])
def test_it_takes_no_other_number_of_evaluations(evaluations):
    denoiser = MixtureDenoiser(MIXTURE, Gaussian(VP()))
    with pytest.raises(SettingError, match="tuned for 2"):
        sample(denoiser, TWO, KeyedNoise(0, [0]), (3,), evaluations)


@pytest.mark.parametrize(
    ("weights", "at"),
    [
        (((1.0,), (0.5, 0.4)), (0.4,)),
        (((1.0,), (1.0,)), (0.4,)),
        (((1.0,), (0.5, 0.5)), (0.4, 0.2)),
    ],
)
def test_rows_that_do_not_fit_are_refused(weights, at):
    with pytest.raises(ValidationError):
        Tuned(weights=weights, grid=TimeGrid(at=at))


@pytest.mark.parametrize("at", [(0.2, 0.4), (1.0,), (0.0,), (float("nan"),)])
def test_times_that_do_not_fall_are_refused(at):
    with pytest.raises(ValidationError):
        TimeGrid(at=at)


def test_part_of_the_way_is_refused():
    with pytest.raises(SettingError, match="only start from noise"):
        TWO.grid.times(2, Linear(), 3, start=0.5)


def test_spec_round_trip():
    assert TypeAdapter(AnySampler).validate_json(TWO.model_dump_json()) == TWO
