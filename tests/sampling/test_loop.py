"""The loop: laziness, addresses of the noise, and starting half-way."""

import pytest
import torch

from sfumato.errors import SettingError
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.rng import Stream, normal
from sfumato.process.schedule import Linear
from sfumato.sampling import (
    Adams,
    Ancestral,
    Heun,
    KeyedNoise,
    integrate,
    last,
    sample,
    trajectory,
)

F64 = torch.float64
PAIR = GaussianMixture.build(torch.tensor([[-1.0], [1.0]]), stds=0.1)


class Tally(MixtureDenoiser):
    calls = 0

    def forward(self, x_t, t, label=None, **cond):
        self.calls += 1
        return super().forward(x_t, t, label, **cond)


@pytest.fixture
def denoiser():
    return Tally(PAIR, Gaussian(Linear()))


def test_nothing_is_computed_before_it_is_asked_for(denoiser):
    states = trajectory(denoiser, Adams(), KeyedNoise(0, [0]), (1,), 10)
    assert denoiser.calls == 0
    next(states)
    assert denoiser.calls == 1
    next(states)
    assert denoiser.calls == 2


def test_a_state_comes_with_its_own_posterior_mean(denoiser):
    for state in trajectory(denoiser, Heun(), KeyedNoise(0, range(3), dtype=F64), (1,), 9):
        if state.step < state.steps:
            want = denoiser(state.x_t, torch.tensor(state.t, dtype=F64)).mean
            assert torch.equal(state.mean, want)


def test_gradients_are_off_inside_and_as_before_outside(denoiser):
    x_1 = torch.ones(1, 1, requires_grad=True)
    times = Adams().grid.times(3, Linear(), 1)
    for state in integrate(denoiser, Adams(), x_1, times, KeyedNoise(0, [0]), 3):
        assert torch.is_grad_enabled()
        assert state.step == 0 or not state.x_t.requires_grad


def test_a_half_noised_state_can_be_taken_up(denoiser):
    """From t = 0.3 a sample returns to the mode that it was noised from."""
    x0 = torch.tensor([[-1.05], [0.93]])
    noise = KeyedNoise(0, range(2))
    start = torch.tensor(0.3, dtype=F64)
    x_t = denoiser.process.corrupt(x0, start, noise.prior((1,)))
    times = Adams().grid.times(8, Linear(), 1) * start
    back = last(integrate(denoiser, Adams(), x_t, times, noise, 8))
    assert ((back - x0).abs() < 0.4).all()
    assert denoiser.calls == 8


def test_times_that_do_not_fit_are_refused_at_once(denoiser):
    times = Adams().grid.times(8, Linear(), 1)
    with pytest.raises(SettingError, match="7 steps, not 8"):
        integrate(denoiser, Adams(), torch.zeros(1, 1), times, KeyedNoise(0, [0]), 7)


def test_keyed_noise_reads_the_published_addresses():
    noise = KeyedNoise(3, [4, 9])
    assert torch.equal(noise.prior((2, 5)), normal(3, Stream.PRIOR, [4, 9], (2, 5)))
    assert torch.equal(noise.step(7, (5,)), normal(3, Stream.SAMPLER, [4, 9], (5,), step=7))


def test_keyed_noise_in_another_dtype_is_the_same_noise():
    coarse, fine = KeyedNoise(3, [4]).prior((6,)), KeyedNoise(3, [4], dtype=F64).prior((6,))
    assert fine.dtype == F64 and torch.equal(coarse.double(), fine)


def test_steps_draw_different_noise(denoiser):
    """One noise for all steps would keep the direction; look at the increments' signs."""
    drawn = [KeyedNoise(0, [0]).step(k, (1,)).item() for k in range(20)]
    assert len(set(drawn)) == 20
    one = sample(denoiser, Ancestral(), KeyedNoise(0, [0]), (1,), 20)
    other = sample(denoiser, Ancestral(), KeyedNoise(1, [0]), (1,), 20)
    assert not torch.equal(one, other)
