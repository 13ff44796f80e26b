"""The integrals behind the multistep samplers."""

import math

import pytest
import torch

from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.grids import DEFAULT_GRID
from sfumato.process.schedule import VE, VP, Cosine, Linear
from sfumato.sampling.loop import sample
from sfumato.sampling.multistep import DPM, Adams, UniPC
from sfumato.sampling.noise import KeyedNoise

F64 = torch.float64
SCHEDULES = [Linear(), Cosine(), VP(), VE()]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
every_family = pytest.mark.parametrize("sampler", [Adams(), UniPC()], ids=lambda s: s.kind)
NODES = torch.tensor([0.6, 0.75, 0.82, 0.9], dtype=F64)


def times(*values):
    return [torch.tensor(v, dtype=F64) for v in values]


def ratio(schedule, t):
    alpha, sigma = schedule.coefficients(t)
    return alpha / sigma


def weights_of(sampler, schedule, t, s, nodes):
    return sampler.weights(*schedule.coefficients(torch.cat([torch.stack([t, s]), nodes])))


@every_schedule
@every_family
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize(("t", "s"), [(0.6, 0.4), (0.6, 0.001)])
def test_weights_integrate_every_polynomial_of_their_degree(sampler, schedule, n, t, s):
    """Against the midpoint rule on a fine mesh, in the variable itself."""
    t, s = times(t, s)
    nodes = NODES[:n]
    weights = weights_of(sampler, schedule, t, s, nodes)
    mesh = torch.linspace(0, 1, 400_001, dtype=F64).square().mul(t - s).add(s)
    r = ratio(schedule, mesh)
    middle = sampler.variable(*schedule.coefficients((mesh[1:] + mesh[:-1]) / 2))
    known = sampler.variable(*schedule.coefficients(nodes))
    for degree in range(n):
        want = (middle.pow(degree) * (r[:-1] - r[1:])).sum()
        got = weights @ known.pow(degree)
        scale = schedule.coefficients(s)[1]
        torch.testing.assert_close(scale * got, scale * want, rtol=1e-6, atol=1e-9)


@every_schedule
@every_family
def test_weights_of_a_constant_are_exact_over_any_step(sampler, schedule):
    for t, s in [(0.6, 0.599), (0.6, 0.1), (0.6, 1e-4)]:
        t, s = times(t, s)
        total = weights_of(sampler, schedule, t, s, NODES).sum()
        want = ratio(schedule, s) - ratio(schedule, t)
        torch.testing.assert_close(total, want, rtol=1e-9, atol=0)


def test_second_order_in_log_snr_is_the_published_formula_for_small_steps():
    """DPM-Solver++(2M) replaces the exact weight of the difference by half of the first one."""
    schedule = VP()
    log_snr = torch.tensor([0.5, 0.5 - 0.02, 0.5 - 0.05], dtype=F64)
    s, t, before = schedule.time(log_snr)
    newest, older = weights_of(DPM(), schedule, t, s, torch.stack([t, before]))
    steps = -log_snr.diff()
    total = ratio(schedule, s) - ratio(schedule, t)
    half = total / (2 * steps[1] / steps[0])
    assert older.item() == pytest.approx(-half.item(), rel=0.01)
    assert newest.item() == pytest.approx((total + half).item(), rel=0.01)


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=lambda s: s.kind)
def test_nodes_at_infinite_log_snr_are_left_out_and_angles_are_kept(schedule):
    t, s = times(0.8, 0.7)
    nodes = torch.tensor([0.8, 1.0], dtype=F64)
    assert weights_of(DPM(), schedule, t, s, nodes).shape == (1,)
    assert weights_of(Adams(), schedule, t, s, nodes).shape == (2,)


@every_schedule
def test_posterior_means_of_normal_data_are_the_cosine_of_the_angle(schedule):
    """The claim that the angle rests on, by the oracle on the exact trajectory."""
    pivot = 0.5
    exact = MixtureDenoiser(
        GaussianMixture.build(torch.zeros(1, 1), stds=pivot), Gaussian(schedule)
    )
    t = torch.linspace(0.02, 1, 50, dtype=F64)
    alpha, sigma = schedule.coefficients(t)
    trajectory = torch.hypot(alpha * pivot, sigma)[:, None]
    mean = exact(trajectory, t).mean.flatten()
    cosine = Adams(pivot=pivot, power=1.0).variable(alpha, sigma).cos()
    torch.testing.assert_close(mean, pivot * cosine)


def test_the_angle_runs_from_nothing_to_a_quarter_turn():
    ends = Adams().variable(*Linear().coefficients(torch.tensor([0.0, 1.0], dtype=F64)))
    assert ends.tolist() == [0.0, pytest.approx(math.pi / 2)]


@every_schedule
def test_correcting_pays(schedule):
    """At equal cost the corrected sampler ends nearer to the truth."""
    ring = GaussianMixture.build(
        torch.tensor([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.8]]), stds=torch.tensor([[0.2, 0.1]])
    )
    denoiser, noise = MixtureDenoiser(ring, Gaussian(schedule)), KeyedNoise(0, range(128))
    truth = sample(denoiser, Adams(), noise, (2,), 200)

    def error(sampler):
        return (sample(denoiser, sampler, noise, (2,), 40) - truth).square().mean()

    assert error(Adams()) < error(Adams(correct=False))
    assert error(Adams()) < error(DPM())


def test_one_grid_is_the_default_of_all():
    assert Adams().grid == DEFAULT_GRID == DPM().grid
