"""Particles: wrong modes are corrected, and a sample does not depend on its batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VP
from sfumato.restoration.method import Restoring
from sfumato.restoration.moment_matching import MomentMatching, Quick
from sfumato.restoration.particles import ParticleGuide, Swarm, log_ratio
from sfumato.sampling import Ancestral, last
from tests.restoration.problems import F64, Known, energy, exact_samples, flat_modes, ring


def restored(known: Known, method: ParticleGuide, n: int = 256) -> torch.Tensor:
    """Samples with 50 evaluations."""
    return last(method.states(known.problem(n, 50), Ancestral(), 50))


@pytest.mark.parametrize("known", [ring(), flat_modes()], ids=["ring", "flat modes"])
def test_sixteen_particles_are_near_the_exact_posterior(known: Known) -> None:
    samples, reference = restored(known, MomentMatching(particles=16)), exact_samples(known)
    assert energy(samples, reference) / float(reference.var(0).sum().sqrt()) < 0.05
    wrong = 0.5 * (known.shares(samples) - known.posterior.weights).abs().sum()
    assert wrong < 0.08  # Its standard error with 256 samples is about 0.03.


def test_one_particle_is_in_the_wrong_mode_too_often() -> None:
    """What particles are for; without this the test above would prove nothing."""
    known = ring()
    samples = restored(known, MomentMatching(particles=1))
    wrong = 0.5 * (known.shares(samples) - known.posterior.weights).abs().sum()
    assert wrong > 0.12


@pytest.mark.parametrize("method", [MomentMatching(particles=3), Quick(particles=3)])
def test_a_sample_depends_on_its_index_alone(method: ParticleGuide) -> None:
    """The bits are the same in batches of one, of two and of five, in float32."""
    known = ring()
    whole = replace(known.problem(5, 8), dtype=torch.float32)
    together = last(method.states(whole, Ancestral(), 8))
    for parts in ([[0, 1], [2, 3], [4]], [[0], [1], [2], [3], [4]]):
        apart = [
            last(method.states(replace(whole, indices=range(p[0], p[-1] + 1)), Ancestral(), 8))
            for p in parts
        ]
        assert torch.equal(torch.cat(apart), together)


def test_the_effective_number_is_reported() -> None:
    *_, state = MomentMatching(particles=8).states(ring().problem(6, 20), Ancestral(), 20)
    assert isinstance(state, Restoring)
    assert state.effective is not None
    assert state.effective.shape == (6,)
    assert ((state.effective >= 1) & (state.effective <= 8)).all()


def test_log_ratio_is_the_difference_of_normal_densities() -> None:
    process = Gaussian(VP())
    t, s = torch.tensor(0.6, dtype=F64), torch.tensor(0.5, dtype=F64)
    source = torch.Generator().manual_seed(0)
    x_t, of_p, of_q, noise = torch.randn(4, 3, 5, generator=source, dtype=F64).unbind()
    own = process.bridge(x_t, of_q, t, s)
    x_s = own.sample(noise)
    densities = [
        torch.distributions.Normal(process.bridge(x_t, mean, t, s).mean, own.std)
        .log_prob(x_s)
        .sum(1)
        for mean in (of_p, of_q)
    ]
    found = log_ratio(process, (t, s), of_q - of_p, noise)
    assert torch.allclose(found, densities[0] - densities[1], atol=1e-10)


def test_weights_that_are_even_are_not_resampled() -> None:
    swarm = Swarm(2, 4)
    swarm.weigh(torch.zeros(8))
    assert swarm.resampled(torch.tensor([0.3, 0.9])).tolist() == list(range(8))


def test_resampling_is_systematic() -> None:
    """Each particle has as many copies as its weight times K, rounded down or up."""
    swarm = Swarm(1, 8)
    weights = torch.tensor([0.55, 0.25, 0.1, 0.06, 0.02, 0.01, 0.005, 0.005], dtype=F64)
    swarm.weigh(weights.log())
    copies = torch.bincount(swarm.resampled(torch.tensor([0.4])), minlength=8)
    assert ((copies - 8 * weights).abs() < 1).all()
    assert torch.allclose(swarm.weights, torch.full((1, 8), 1 / 8, dtype=F64))


def test_a_draw_follows_the_weights() -> None:
    weights = torch.tensor([0.2, 0.5, 0.3], dtype=F64)
    u = (torch.arange(1000, dtype=F64) + 0.5) / 1000
    swarm = Swarm(1000, 3)
    swarm.weigh(weights.log().repeat(1000))
    places = swarm.drawn(u) % 3
    assert torch.bincount(places).tolist() == [200, 500, 300]
