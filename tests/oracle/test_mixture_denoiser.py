"""The oracle of mixtures against numerical quadrature and autograd: everything else leans on it."""

import math

import numpy as np
import pytest
import torch

from sfumato.errors import SettingError
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian, spread
from sfumato.process.schedule import VE, VP, Cosine, Linear
from tests.oracle.mixtures import tilted

F64 = torch.float64
SCHEDULES = [Linear(), Cosine(), VP(), VE(sigma_max=5.0, rho=1.0)]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
LINE = GaussianMixture.build(
    means=torch.tensor([[-1.0], [0.2], [1.5]]),
    stds=torch.tensor([[0.3], [0.1], [0.5]]),
    weights=torch.tensor([1.0, 2.0, 3.0]),
    labels=torch.tensor([0, 1, 0]),
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


def test_unknown_conditions_are_refused():
    with pytest.raises(SettingError, match="caption"):
        MixtureDenoiser(LINE, Gaussian(Linear()))(
            torch.zeros(1, 1), torch.tensor(0.5, dtype=F64), caption=torch.zeros(1)
        )


@pytest.mark.parametrize("dimensions", [1, 2, 64])
@pytest.mark.parametrize("turned", [False, True], ids=["diagonal", "turned"])
def test_means_are_those_of_conditioned_joint_normals(dimensions, turned):
    """(x0, x_t) of each component as one normal of 2 D numbers, conditioned by solving in numpy."""
    source = np.random.default_rng(dimensions)
    means = source.normal(size=(3, dimensions))
    roots = source.normal(size=(3, dimensions, dimensions)) / math.sqrt(dimensions)
    covariances = roots @ roots.transpose(0, 2, 1)
    if not turned:
        covariances = covariances * np.eye(dimensions)
    mixture = GaussianMixture.build(torch.from_numpy(means), torch.from_numpy(covariances))
    x_t, alpha, sigma = source.normal(size=dimensions), 0.4, 0.6
    noised = [alpha**2 * c + sigma**2 * np.eye(dimensions) for c in covariances]
    solved = [np.linalg.solve(n, x_t - alpha * m) for n, m in zip(noised, means, strict=True)]
    log_joint = np.array(
        [
            -0.5 * (np.linalg.slogdet(n)[1] + (x_t - alpha * m) @ s)
            for n, s, m in zip(noised, solved, means, strict=True)
        ]
    )
    share = np.exp(log_joint - log_joint.max())
    share /= share.sum()
    want = sum(
        w * (m + alpha * c @ s)
        for w, m, c, s in zip(share, means, covariances, solved, strict=True)
    )
    denoiser = MixtureDenoiser(mixture, Gaussian(Linear()))
    got = denoiser(torch.from_numpy(x_t)[None], torch.tensor(0.6, dtype=F64)).mean[0]
    torch.testing.assert_close(got, torch.from_numpy(want), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("t", [1e-6, 1e-3, 0.5, 1.0])
def test_flat_data_is_found_in_its_plane(t):
    """A covariance of rank 2 in 5 dimensions, down to noise of a millionth."""
    source = torch.Generator().manual_seed(0)
    root = torch.randn(5, 2, generator=source, dtype=F64)
    flat = GaussianMixture.build(torch.zeros(1, 5), covariances=(root @ root.T)[None])
    x0 = torch.randn(8, 2, generator=source, dtype=F64) @ root.T
    time, noise = torch.tensor(t, dtype=F64), torch.randn(8, 5, generator=source, dtype=F64)
    process = Gaussian(Linear())
    mean = MixtureDenoiser(flat, process)(process.corrupt(x0, time, noise), time).mean
    off_plane = mean - mean @ torch.linalg.pinv(root).T @ root.T
    assert off_plane.abs().max() < 1e-13
    assert (mean - x0).abs().max() < 10 * t


def test_covariances_that_turn_nothing_take_the_short_way_to_the_same_answer():
    """The same diagonal covariances, once among axes that have to be turned to."""
    source = torch.Generator().manual_seed(1)
    means = torch.randn(3, 6, generator=source)
    diagonal = GaussianMixture.build(means, stds=torch.rand(3, 6, generator=source) + 0.1)
    hint = 1e-300 * torch.ones(6, 6, dtype=F64)
    turned = GaussianMixture.build(means, covariances=diagonal.covariances + hint)
    assert diagonal.axes.directions is None and turned.axes.directions is not None
    x_t, process = torch.randn(7, 6, generator=source, dtype=F64), Gaussian(Cosine())
    for t in (torch.tensor(0.4, dtype=F64), torch.linspace(0.01, 1, 7, dtype=F64)):
        answers = [MixtureDenoiser(mixture, process) for mixture in (diagonal, turned)]
        for ask in (lambda d, t=t: d(x_t, t).mean, lambda d, t=t: d.log_density(x_t, t)):
            torch.testing.assert_close(*map(ask, answers), rtol=1e-12, atol=1e-12)
