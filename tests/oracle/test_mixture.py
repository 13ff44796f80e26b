"""The oracle against numerical quadrature, autograd and moments: everything else leans on it."""

import math

import numpy as np
import pytest
import torch

from sfumato.errors import SettingError
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian, spread
from sfumato.process.schedule import VE, VP, Cosine, Linear

F64 = torch.float64
SCHEDULES = [Linear(), Cosine(), VP(), VE(sigma_max=5.0, rho=1.0)]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
LINE = GaussianMixture.build(
    means=torch.tensor([[-1.0], [0.2], [1.5]]),
    stds=torch.tensor([[0.3], [0.1], [0.5]]),
    weights=torch.tensor([1.0, 2.0, 3.0]),
    labels=torch.tensor([0, 1, 0]),
)


def tilted(seed: int = 0, k: int = 4, d: int = 3) -> GaussianMixture:
    g = torch.Generator().manual_seed(seed)
    roots = torch.randn(k, d, d, generator=g, dtype=F64) * 0.4
    return GaussianMixture.build(
        means=torch.randn(k, d, generator=g),
        covariances=roots @ roots.mT,
        weights=torch.rand(k, generator=g) + 0.2,
    )


def quadrature(schedule, x_t: float, t: torch.Tensor, kept: list[int]) -> tuple[float, float]:
    """``(p(x_t), E[x0 | x_t])`` by summing the joint density over a fine line of x0."""
    x0 = np.linspace(-6, 6, 60001)
    weights = np.array([1.0, 2.0, 3.0])[kept]
    prior = sum(
        w / weights.sum() * np.exp(-0.5 * ((x0 - m) / s) ** 2) / (s * math.sqrt(2 * math.pi))
        for w, m, s in zip(
            weights, np.array([-1.0, 0.2, 1.5])[kept], np.array([0.3, 0.1, 0.5])[kept], strict=True
        )
    )
    alpha, sigma = (c.item() for c in schedule.coefficients(t))
    likelihood = np.exp(-0.5 * ((x_t - alpha * x0) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    joint = prior * likelihood
    return np.trapezoid(joint, x0), np.trapezoid(joint * x0, x0) / np.trapezoid(joint, x0)


@every_schedule
@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    ("label", "kept"), [(None, [0, 1, 2]), (0, [0, 2]), (1, [1]), (2, [0, 1, 2])]
)
def test_density_and_mean_are_those_of_quadrature(schedule, t, label, kept):
    denoiser = MixtureDenoiser(LINE, Gaussian(schedule))
    x_t, time = torch.tensor([[-0.8], [0.3], [1.1]], dtype=F64), torch.tensor(t, dtype=F64)
    labels = None if label is None else torch.full((3,), label)
    density = denoiser.log_density(x_t, time, label=labels).exp()
    mean = denoiser(x_t, time, label=labels).mean
    for k in range(3):
        want_density, want_mean = quadrature(schedule, x_t[k].item(), time, kept)
        assert density[k].item() == pytest.approx(want_density, rel=1e-6)
        assert mean[k].item() == pytest.approx(want_mean, rel=1e-6, abs=1e-9)


@every_schedule
def test_mean_and_density_agree_by_tweedie(schedule):
    """E[x0 | x] = (x + sigma^2 grad log p(x)) / alpha, with the gradient by autograd."""
    denoiser = MixtureDenoiser(tilted(), Gaussian(schedule))
    t = torch.tensor([0.2, 0.5, 0.8], dtype=F64)
    x_t = torch.randn(3, 3, dtype=F64, generator=torch.Generator().manual_seed(5)).requires_grad_()
    (score,) = torch.autograd.grad(denoiser.log_density(x_t, t).sum(), x_t)
    alpha, sigma = (spread(c, x_t) for c in schedule.coefficients(t))
    torch.testing.assert_close(denoiser(x_t, t).mean, (x_t + sigma.square() * score) / alpha)


def test_each_time_of_a_batch_is_its_own():
    denoiser = MixtureDenoiser(tilted(), Gaussian(Linear()))
    t, x_t = torch.tensor([0.2, 1.0], dtype=F64), torch.randn(2, 3, dtype=F64)
    both = denoiser(x_t, t).mean
    for k in range(2):
        torch.testing.assert_close(both[k : k + 1], denoiser(x_t[k : k + 1], t[k]).mean)


def test_each_label_of_a_batch_is_its_own():
    denoiser = MixtureDenoiser(LINE, Gaussian(Linear()))
    x_t, t = torch.full((3, 1), 0.4, dtype=F64), torch.tensor(0.5, dtype=F64)
    mixed = denoiser(x_t, t, label=torch.tensor([0, 1, 2])).mean
    for k in range(3):
        alone = denoiser(x_t[:1], t, label=torch.tensor([k])).mean
        torch.testing.assert_close(mixed[k : k + 1], alone)


def test_without_signal_the_mean_is_the_data_mean():
    mixture = tilted()
    mean = MixtureDenoiser(mixture, Gaussian(Linear()))(
        torch.randn(5, 3, dtype=F64), torch.ones((), dtype=F64)
    ).mean
    torch.testing.assert_close(mean, (mixture.weights @ mixture.means).expand(5, 3))


def test_a_point_mass_is_always_recognised():
    point = GaussianMixture.build(torch.tensor([[1.0, -2.0]]), stds=0.0)
    mean = MixtureDenoiser(point, Gaussian(VP()))(
        torch.randn(4, 2), torch.tensor(0.001, dtype=F64)
    ).mean
    assert torch.equal(mean, torch.tensor([[1.0, -2.0]]).expand(4, 2))


def test_states_keep_shape_and_dtype():
    mixture = GaussianMixture.build(torch.zeros(2, 12), stds=0.5)
    x_t = torch.randn(5, 3, 2, 2)
    mean = MixtureDenoiser(mixture, Gaussian(Cosine()))(x_t, torch.tensor(0.5, dtype=F64)).mean
    assert mean.shape == x_t.shape and mean.dtype == torch.float32


def test_samples_have_the_moments_of_the_mixture():
    """Stratified uniforms and a fixed noise: means within five standard errors."""
    mixture, n = tilted(), 40000
    noise = torch.randn(n, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    drawn = mixture.sample((torch.arange(n) + 0.5) / n, noise)
    mean = mixture.weights @ mixture.means
    centred = mixture.means - mean
    covariance = torch.einsum(
        "k,kij->ij",
        mixture.weights,
        mixture.covariances + centred[:, :, None] * centred[:, None, :],
    )
    spreads = covariance.diagonal().sqrt()
    assert ((drawn.mean(0) - mean).abs() < 5 * spreads / math.sqrt(n)).all()
    scale = spreads[:, None] * spreads
    assert ((drawn.T.cov() - covariance).abs() < 5 * 2 * scale / math.sqrt(n)).all()


def test_uniforms_choose_components_by_weight():
    points = GaussianMixture.build(
        torch.tensor([[0.0], [1.0], [2.0]]), stds=0.0, weights=torch.tensor([1.0, 2.0, 1.0])
    )
    u = torch.tensor([0.0, 0.2499, 0.25, 0.7499, 0.75, 0.9999])
    assert points.sample(u, torch.zeros(6, 1)).flatten().tolist() == [0, 0, 1, 1, 2, 2]


def test_spread_is_given_once():
    with pytest.raises(SettingError):
        GaussianMixture.build(torch.zeros(1, 2))
    with pytest.raises(SettingError):
        GaussianMixture.build(torch.zeros(1, 2), covariances=torch.eye(2)[None], stds=1.0)


def test_unknown_conditions_are_refused():
    with pytest.raises(SettingError, match="caption"):
        MixtureDenoiser(LINE, Gaussian(Linear()))(
            torch.zeros(1, 1), torch.tensor(0.5, dtype=F64), caption=torch.zeros(1)
        )
