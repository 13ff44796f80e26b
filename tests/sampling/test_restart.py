"""Restart: what its rounds cost, and that they start where the stretch began."""

from itertools import pairwise

import pytest
import torch

from sfumato.denoiser import Denoiser, Posterior
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear
from sfumato.sampling import Heun, KeyedNoise, Restart, sample


class Watched(Denoiser):
    def __init__(self):
        super().__init__(Gaussian(Linear()))
        self.times: list[float] = []

    def forward(self, x_t, t, **cond) -> Posterior:
        self.times.append(t.item())
        return Posterior(x_t.tanh())


@pytest.mark.parametrize(("rounds", "span"), [(1, 2), (3, 2), (2, 4)])
def test_the_stretch_is_gone_again_and_again(rounds, span):
    denoiser = Watched()
    sample(denoiser, Restart(rounds=rounds, span=span), KeyedNoise(0, [0]), (2,), 41)
    rises = [k for k, (a, b) in enumerate(pairwise(denoiser.times)) if b > a + 1e-9]
    assert len(rises) == rounds
    assert len({denoiser.times[k + 1] for k in rises}) == 1
    # As many evaluations lie between two rises as the stretch has.
    assert all(b - a == 2 * span for a, b in pairwise(rises))


@pytest.mark.parametrize("evaluations", [1, 2, 5, 8])
def test_a_budget_without_room_is_heuns(evaluations):
    noise = KeyedNoise(0, range(3))
    ends = [sample(Watched(), s, noise, (2,), evaluations) for s in (Restart(), Heun())]
    assert torch.equal(*ends)
