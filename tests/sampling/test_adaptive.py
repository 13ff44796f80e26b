"""Steps by tolerance."""

import pytest
import torch

from sfumato.denoiser import Denoiser, Posterior
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE, VP, Linear
from sfumato.sampling import Adaptive, KeyedNoise, Wiener, sample, trajectory

F64 = torch.float64
MIXTURE = GaussianMixture.build(
    torch.tensor([[0.8, -0.3], [-0.6, 0.5], [0.1, 0.9]]), stds=torch.tensor([[0.3, 0.05]])
)


class Counted(Denoiser):
    def __init__(self, schedule):
        super().__init__(Gaussian(schedule))
        self.exact, self.calls = MixtureDenoiser(MIXTURE, self.process), 0

    def forward(self, x_t, t, **cond) -> Posterior:
        self.calls += 1
        return self.exact(x_t, t, **cond)


@pytest.mark.parametrize("schedule", [Linear(), VP(), VE()], ids=lambda s: s.kind)
def test_a_tighter_tolerance_costs_more_and_ends_nearer(schedule):
    noise = KeyedNoise(2, range(48), dtype=F64)
    truth = sample(Counted(schedule), Wiener(), noise, (2,), 400)
    errors, calls = [], []
    for tolerance in (0.1, 0.01, 0.0001):
        denoiser = Counted(schedule)
        sampler = Adaptive(rtol=tolerance, atol=tolerance / 4)
        ends = sample(denoiser, sampler, noise, (2,), 4000)
        errors.append((ends - truth).square().mean(1).sqrt().median().item())
        calls.append(denoiser.calls)
    assert errors[2] < errors[1] < errors[0] and errors[2] < 1e-3
    assert calls[0] < calls[1] < calls[2] < 4000


def test_it_never_takes_more_than_it_is_given():
    noise = KeyedNoise(2, range(8), dtype=F64)
    for most in range(1, 40):
        denoiser = Counted(Linear())
        ends = sample(denoiser, Adaptive(rtol=1e-6, atol=1e-6), noise, (2,), most)
        assert 1 <= denoiser.calls <= most and ends.isfinite().all()


def test_the_last_state_tells_how_often_the_denoiser_was_asked():
    denoiser = Counted(Linear())
    states = list(trajectory(denoiser, Adaptive(), KeyedNoise(0, [0, 1]), (2,), 500))
    assert states[0].evaluations == 0 and states[-1].evaluations == denoiser.calls < 500


def test_a_slow_neighbour_changes_nothing():
    """Each sample takes its own steps, whoever else is on the way."""
    denoiser = Counted(Linear())
    whole = sample(denoiser, Adaptive(), KeyedNoise(3, range(16), dtype=F64), (2,), 600)
    for k in (0, 7):
        alone = sample(denoiser, Adaptive(), KeyedNoise(3, [k], dtype=F64), (2,), 600)
        torch.testing.assert_close(alone, whole[k : k + 1], rtol=1e-9, atol=1e-9)
