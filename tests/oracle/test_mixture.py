"""Gaussian mixtures and their exact denoiser against moments, quadrature and autograd."""

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


def test_samples_of_a_class_come_from_its_components():
    points = GaussianMixture.build(
        torch.tensor([[0.0], [1.0], [2.0]]), stds=0.0, labels=torch.tensor([0, 1, 0])
    )
    u = (torch.arange(8) + 0.5) / 8
    for label, want in ((0, [0, 2]), (1, [1]), (2, [0, 1, 2])):
        drawn = points.sample(u, torch.zeros(8, 1), torch.full((8,), label))
        assert drawn.flatten().unique().tolist() == want


def test_classes_that_do_not_exist_are_refused():
    for label in (-1, 5):
        with pytest.raises(SettingError, match=f"Label {label}"):
            tilted().sample(torch.zeros(1), torch.zeros(1, 3), torch.tensor([label]))


# Observations ------------------------------------------------------------------------------------


def moments(mixture: GaussianMixture) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and second moment of the whole mixture."""
    outer = mixture.means[:, :, None] * mixture.means[:, None, :]
    second = torch.einsum("k,kij->ij", mixture.weights, mixture.covariances + outer)
    return mixture.weights @ mixture.means, second


@pytest.mark.parametrize("noise_std", [0.05, 0.4, 3.0])
@pytest.mark.parametrize(
    "operator", [[[1.0, 0.0]], [[0.6, -1.3]], [[1.0, 0.2], [-0.4, 1.0], [0.3, 0.3]]],
    ids=["inpainting", "projection", "more than there is"],
)  # fmt: skip
def test_what_is_left_is_the_product_of_prior_and_likelihood(operator, noise_std):
    """Moments, and the share of each class, by summing the joint density over a fine plane."""
    mixture = tilted(seed=3, k=3, d=2)
    matrix = torch.tensor(operator, dtype=F64)
    y = matrix @ torch.tensor([0.3, -0.5], dtype=F64) + 0.1
    line = np.linspace(-6, 6, 601)
    plane = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    residual = plane @ matrix.numpy().T - y.numpy()
    likelihood = np.exp(-0.5 * (residual**2).sum(1) / noise_std**2)
    joint = []
    for k in range(3):
        covariance, offset = mixture.covariances[k].numpy(), plane - mixture.means[k].numpy()
        quadratic = (offset * np.linalg.solve(covariance, offset.T).T).sum(1)
        density = np.exp(-0.5 * quadratic) / np.sqrt(np.linalg.det(covariance))
        joint.append(mixture.weights[k].item() * density * likelihood)
    weight = sum(joint)
    left = mixture.posterior(matrix, y, noise_std)
    mean, second = moments(left)
    want_second = plane.T @ (weight[:, None] * plane) / weight.sum()
    assert mean.tolist() == pytest.approx(weight @ plane / weight.sum(), rel=1e-6, abs=1e-8)
    assert second.numpy() == pytest.approx(want_second, rel=1e-6, abs=1e-8)
    shares = [rows.sum() / weight.sum() for rows in joint]
    assert left.weights.tolist() == pytest.approx(shares, rel=1e-6, abs=1e-9)
    assert torch.equal(left.labels, mixture.labels)


@pytest.mark.parametrize("noise_std", [0.0, 1e-3, 0.5])
def test_one_normal_is_conditioned_as_a_joint_normal(noise_std):
    """By precisions: the joint precision of (x0, y) in numpy, at 6 dimensions seen through 3."""
    source = np.random.default_rng(0)
    root, operator = source.normal(size=(6, 6)), source.normal(size=(3, 6))
    mean, y, prior = source.normal(size=6), source.normal(size=3), root @ root.T
    normal = GaussianMixture.build(torch.tensor(mean)[None], torch.tensor(prior)[None])
    left = normal.posterior(torch.tensor(operator), torch.tensor(y), noise_std)
    if noise_std > 0:
        precision = np.linalg.inv(prior) + operator.T @ operator / noise_std**2
        covariance = np.linalg.inv(precision)
        informed = np.linalg.solve(prior, mean) + operator.T @ y / noise_std**2
        want = covariance @ informed
    else:
        # Turned so that the observation is the first three coordinates; the rest is regressed.
        turn = np.vstack([operator, np.linalg.svd(operator)[2][3:]])
        moved = turn @ prior @ turn.T
        slope = np.linalg.solve(moved[:3, :3], moved[:3, 3:]).T
        rest = (turn @ mean)[3:] + slope @ (y - operator @ mean)
        want = np.linalg.solve(turn, np.concatenate([y, rest]))
        back = np.linalg.inv(turn)[:, 3:]
        covariance = back @ (moved[3:, 3:] - slope @ moved[:3, 3:]) @ back.T
    assert left.means[0].numpy() == pytest.approx(want, rel=1e-7, abs=1e-8)
    assert left.covariances[0].numpy() == pytest.approx(covariance, rel=1e-7, abs=1e-8)


def test_one_observation_after_the_other_is_both_at_once():
    mixture = tilted(seed=2, k=4, d=5)
    source = torch.Generator().manual_seed(0)
    operator, y = torch.randn(3, 5, generator=source), torch.randn(3, generator=source)
    both = mixture.posterior(operator, y, 0.2)
    apart = mixture.posterior(operator[:1], y[:1], 0.2).posterior(operator[1:], y[1:], 0.2)
    for name in ("means", "covariances", "weights"):
        torch.testing.assert_close(getattr(apart, name), getattr(both, name), rtol=1e-9, atol=1e-11)


def test_noise_without_bound_leaves_the_prior():
    mixture = tilted()
    left = mixture.posterior(torch.eye(3), torch.ones(3), 1e9)
    for name in ("means", "covariances", "weights"):
        torch.testing.assert_close(getattr(left, name), getattr(mixture, name))


@pytest.mark.parametrize("diagonal", [False, True], ids=["turned", "diagonal"])
def test_without_noise_every_sample_is_what_was_observed(diagonal):
    mixture = tilted(seed=1, k=3, d=8)
    if diagonal:
        mixture = GaussianMixture.build(mixture.means, stds=torch.tensor([[0.1], [1.0], [3.0]]))
    source = torch.Generator().manual_seed(4)
    operator = torch.randn(3, 8, generator=source, dtype=F64)
    y = torch.randn(3, generator=source, dtype=F64)
    left = mixture.posterior(operator, y, 0.0)
    drawn = left.sample(
        torch.rand(200, generator=source), torch.randn(200, 8, generator=source, dtype=F64)
    )
    assert (drawn @ operator.T - y).abs().max() < 1e-10
    assert drawn.std(0).min() > 0.01
    # And so are the means that the denoiser finds, whatever the state.
    denoiser, t = MixtureDenoiser(left, Gaussian(Linear())), torch.tensor(0.3, dtype=F64)
    mean = denoiser(torch.randn(20, 8, generator=source, dtype=F64), t).mean
    assert (mean @ operator.T - y).abs().max() < 1e-10


def test_what_is_far_from_all_components_goes_to_the_nearest():
    """Likelihoods of e^-10^7 and below, of which only the differences can be told."""
    pair = GaussianMixture.build(torch.tensor([[0.0], [1.0]]), stds=0.1)
    left = pair.posterior(torch.ones(1, 1), torch.tensor([1e3]), 0.2)
    assert left.weights.tolist() == [0.0, 1.0]
    assert left.means[1].item() == pytest.approx(1 + 0.2 * 999)
    with pytest.raises(SettingError, match="Label 0"):
        left.log_weights(torch.tensor([0]))


def test_points_are_weighed_and_stay_points():
    points = GaussianMixture.build(torch.tensor([[0.0, 5.0], [1.0, -5.0]]), stds=0.0)
    left = points.posterior(torch.tensor([[1.0, 0.0]]), torch.tensor([0.75]), 0.5)
    assert torch.equal(left.means, points.means) and not left.covariances.any()
    odds = math.exp(-0.5 * (0.25**2 - 0.75**2) / 0.25)
    assert left.weights[1].item() == pytest.approx(odds / (1 + odds))


@pytest.mark.parametrize(
    ("operator", "observation", "noise_std", "match"),
    [
        (torch.eye(2), torch.zeros(2), 0.1, "does not fit"),
        (torch.eye(3), torch.zeros(2), 0.1, "does not fit"),
        (torch.ones(3), torch.zeros(1), 0.1, "does not fit"),
        (torch.eye(3), torch.zeros(3), -0.1, "noise_std of"),
        (torch.eye(3), torch.zeros(3), math.nan, "noise_std of"),
        (torch.eye(3), torch.zeros(3), math.inf, "noise_std of"),
        (torch.ones(2, 3), torch.zeros(2), 0.0, "Without noise"),
        (torch.ones(4, 3), torch.zeros(4), 0.0, "Without noise"),
    ],
    ids=["columns", "rows", "rank", "sign", "nan", "infinite", "repeated", "too many"],
)
def test_what_is_no_observation_is_refused(operator, observation, noise_std, match):
    with pytest.raises(SettingError, match=match):
        tilted().posterior(operator, observation, noise_std)


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
