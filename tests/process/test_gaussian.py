"""The Gaussian process: exact algebra on basis vectors, no sampling."""

import pytest
import torch

from sfumato.process.gaussian import Gaussian, Normal, spread
from sfumato.process.schedule import VE, VP, Cosine, Linear, Shifted

F64 = torch.float64
PROCESSES = [
    Gaussian(s) for s in (Linear(), Cosine(), VP(), VE(), Shifted(base=Linear(), shift=3.0))
]
every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.schedule.kind)
every_eta = pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
PAIRS = [(1.0, 0.6), (1.0, 0.0), (0.9, 0.89), (0.5, 0.1), (0.3, 0.0)]
every_pair = pytest.mark.parametrize(("t", "s"), PAIRS)


def time(t: float) -> torch.Tensor:
    return torch.tensor(t, dtype=F64)


def bridge_terms(process, t, s, eta):
    """``(a, b, c)`` of ``x_s = a x0 + b x_t + c noise``, read off by feeding ones and zeros."""
    x_t = torch.tensor([[0.0], [1.0]], dtype=F64)
    x0 = torch.tensor([[1.0], [0.0]], dtype=F64)
    bridge = process.bridge(x_t, x0, time(t), time(s), eta)
    return bridge.mean[0, 0], bridge.mean[1, 0], bridge.std


def close(got, want):
    torch.testing.assert_close(
        torch.as_tensor(got, dtype=F64), torch.as_tensor(want, dtype=F64), rtol=1e-9, atol=1e-12
    )


@every_process
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_corrupt_is_the_coefficients_on_basis_vectors(process, t):
    x0 = torch.tensor([[1.0], [0.0]], dtype=F64)
    got = process.corrupt(x0, time(t), 1 - x0)
    close(got[:, 0], torch.stack(process.schedule.coefficients(time(t))))


@every_process
def test_corrupt_takes_a_time_per_sample(process):
    t = torch.tensor([0.2, 0.7], dtype=F64)
    x0, noise = torch.randn(2, 2, 3, 4, 5, dtype=F64)
    both = process.corrupt(x0, t, noise)
    for k in range(2):
        close(both[k : k + 1], process.corrupt(x0[k : k + 1], t[k], noise[k : k + 1]))


@every_process
@every_eta
@every_pair
def test_bridge_after_corrupt_has_the_marginal_at_s(process, t, s, eta):
    a, b, c = bridge_terms(process, t, s, eta)
    alpha_t, sigma_t = process.schedule.coefficients(time(t))
    alpha_s, sigma_s = process.schedule.coefficients(time(s))
    close(a + b * alpha_t, alpha_s)
    close((b * sigma_t).square() + c.square(), sigma_s.square())


@every_process
@pytest.mark.parametrize("r", [0.0, 0.2])
def test_markov_bridges_compose(process, r):
    a1, b1, c1 = bridge_terms(process, 0.9, 0.5, 1.0)
    a2, b2, c2 = bridge_terms(process, 0.5, r, 1.0)
    a, b, c = bridge_terms(process, 0.9, r, 1.0)
    close(a2 + b2 * a1, a)
    close(b2 * b1, b)
    close((b2 * c1).square() + c2.square(), c.square())


@every_process
def test_full_eta_is_bayes_rule(process):
    """q(x_s | x_t, x0) by multiplying q(x_s | x0) and q(x_t | x_s), independent of the bridge."""
    alpha_t, sigma_t = process.schedule.coefficients(time(0.8))
    alpha_s, sigma_s = process.schedule.coefficients(time(0.3))
    carried = alpha_t / alpha_s
    added = sigma_t.square() - (carried * sigma_s).square()
    variance = 1 / (1 / sigma_s.square() + carried.square() / added)
    a, b, c = bridge_terms(process, 0.8, 0.3, 1.0)
    close(c.square(), variance)
    close(a, variance * alpha_s / sigma_s.square())
    close(b, variance * carried / added)


@every_process
def test_no_eta_keeps_the_noise(process):
    """DDIM: a state made of (x0, eps) moves to the state made of the same pair."""
    x0, eps = torch.randn(2, 3, 4, dtype=F64)
    x_t = process.corrupt(x0, time(0.8), eps)
    bridge = process.bridge(x_t, x0, time(0.8), time(0.3), eta=0.0)
    assert bridge.std == 0
    close(bridge.mean, process.corrupt(x0, time(0.3), eps))


@every_process
def test_bridge_takes_times_per_sample(process):
    t, s = torch.tensor([[1.0, 0.7], [0.6, 0.2]], dtype=F64)
    x_t, x0 = torch.randn(2, 2, 3, dtype=F64)
    both = process.bridge(x_t, x0, t, s)
    for k in range(2):
        one = process.bridge(x_t[k : k + 1], x0[k : k + 1], t[k], s[k])
        close(both.mean[k : k + 1], one.mean)
        close(both.std[k], one.std)


@every_process
def test_prior_is_the_noise_part_of_the_last_state(process):
    noise = torch.randn(2, 3, dtype=F64)
    close(process.prior(noise), process.corrupt(torch.zeros_like(noise), time(1.0), noise))


def test_normal_sample_moves_by_its_deviation():
    normal = Normal(torch.zeros(2, 3), torch.tensor([1.0, 2.0], dtype=F64))
    assert normal.sample(torch.ones(2, 3)).tolist() == [[1.0] * 3, [2.0] * 3]


def test_spread_takes_rank_and_dtype_of_the_data():
    x = torch.zeros(2, 3, 4)
    assert spread(torch.ones(2, dtype=F64), x).shape == (2, 1, 1)
    assert spread(torch.ones((), dtype=F64), x).shape == ()
    assert spread(torch.ones((), dtype=F64), x).dtype == torch.float32
