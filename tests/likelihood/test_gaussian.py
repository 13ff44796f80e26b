"""The bound in continuous time, against densities and probabilities that are known exactly."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from sfumato.denoiser import Denoiser, NetworkDenoiser, Posterior
from sfumato.likelihood import DiscreteReconstruction, GaussianReconstruction, gaussian_bound
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.prediction import X0, Eps, V
from sfumato.process.schedule import VE, VP, Cosine, Linear, Schedule, Shifted

F64 = torch.float64


class Points(Denoiser[Gaussian]):
    """Items that are many independent points (B, n, D): one address of noise for all of them."""

    def __init__(self, oracle: MixtureDenoiser) -> None:
        super().__init__(oracle.process)
        self.oracle = oracle

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        rows = x_t.flatten(0, 1)
        return Posterior(self.oracle(rows, t.repeat_interleave(x_t.shape[1])).mean.view_as(x_t))


def exact(law: GaussianMixture, schedule: Schedule) -> Points:
    return Points(MixtureDenoiser(law, Gaussian(schedule)))


def points(law: GaussianMixture, items: int, each: int) -> Tensor:
    g = torch.Generator().manual_seed(0)
    u = torch.rand(items * each, dtype=F64, generator=g)
    eps = torch.randn(items * each, law.means.shape[1], dtype=F64, generator=g)
    return law.sample(u, eps).reshape(items, each, -1)


def mixture(dimensions: int) -> GaussianMixture:
    """Two normal laws that overlap, each with correlations."""
    g = torch.Generator().manual_seed(dimensions)
    roots = torch.randn(2, dimensions, dimensions, dtype=F64, generator=g) / dimensions**0.5
    covariances = 0.1 * roots @ roots.mT + 0.3 * torch.eye(dimensions, dtype=F64)
    means = torch.randn(2, dimensions, dtype=F64, generator=g) / dimensions**0.5
    return GaussianMixture.build(means, covariances, weights=torch.tensor([1.0, 2.0]))


def normal_nats(x0: Tensor, variance: float, end: float, noisiest: float) -> Tensor:
    """The bound where the denoiser is exact for N(0, variance), whatever the data; (B, n, D).

    What the reverse process ends with is then ``y ~ N(0, variance + s^2)``, but for having begun at
    a law that lacks the variance.
    """
    s = math.exp(-end / 2)
    spread = math.sqrt(variance + s * s)
    nats = -Normal(0.0, spread).log_prob(x0) + s * s / (2 * spread**2)
    begun = math.exp(-noisiest / 2)
    state = Normal(x0, begun)
    wrong, right = Normal(0.0, begun), Normal(0.0, math.sqrt(variance + begun**2))
    return nats + kl_divergence(state, wrong) - kl_divergence(state, right)


def fair(found: Tensor, expected: float, tolerance: float = math.inf) -> None:
    """Independent values have this mean, by 4 standard errors, which are within a tolerance."""
    error = 4 * found.std().item() / math.sqrt(found.numel())
    assert error < tolerance
    assert abs(found.mean().item() - expected) < error


class TestNormalData:
    @pytest.mark.parametrize("schedule", [Linear(), VP(), VE(sigma_max=3.0)], ids=lambda s: s.kind)
    @pytest.mark.parametrize("variance", [0.04, 4.0])
    def test_it_is_known_in_closed_form(self, schedule: Schedule, variance: float) -> None:
        """Whether the noise begins small or large, and whatever the data are."""
        law = GaussianMixture.build(torch.zeros(1, 1), stds=variance**0.5)
        x0 = torch.linspace(-2, 2, 64, dtype=F64).expand(20, 64)[..., None]
        bound = gaussian_bound(exact(law, schedule), x0, GaussianReconstruction(4.0), 32, seed=1)
        last = schedule.log_snr(torch.ones((), dtype=F64)).item()
        expected = normal_nats(x0, variance, 4.0, max(last, -10.0)).sum((1, 2))
        # All items are alike.
        fair(bound.nats, expected[0].item(), tolerance=0.1 * expected[0].item())

    def test_the_parts(self) -> None:
        schedule = VE(sigma_max=3.0)
        x0 = points(mixture(2), 5, 7)
        end = GaussianReconstruction(4.0)
        bound = gaussian_bound(exact(mixture(2), schedule), x0, end, 2, seed=0)
        state = MultivariateNormal(x0, 9 * torch.eye(2, dtype=F64))
        begun = MultivariateNormal(torch.zeros(2, dtype=F64), 9 * torch.eye(2, dtype=F64))
        torch.testing.assert_close(bound.prior, kl_divergence(state, begun).sum(1))
        torch.testing.assert_close(bound.reconstruction, end.nats(x0))
        assert (bound.diffusion > 0).all()
        for part in (bound.prior, bound.diffusion, bound.reconstruction, bound.nats):
            assert part.dtype == F64 and part.shape == (5,)


class TestMixtures:
    @pytest.mark.parametrize(
        ("schedule", "dimensions"),
        [(VP(), 2), (VE(), 2), (Linear(), 16)],
        ids=lambda value: getattr(value, "kind", str(value)),
    )
    def test_the_exact_denoiser_s_bound_is_the_negative_log_density(
        self, schedule: Schedule, dimensions: int
    ) -> None:
        """Within 0.01 bits per dimension.

        What the noise adds to all denoisers alike is taken off by another denoiser's bound, which
        is known in closed form, at the same noise.
        """
        law, end, each = mixture(dimensions), GaussianReconstruction(8.0), 1600 // dimensions
        plain = GaussianMixture.build(torch.zeros(1, dimensions), stds=0.5**0.5)
        x0 = points(law, 24, each)
        found = gaussian_bound(exact(law, schedule), x0, end, 24, seed=2).nats
        other = gaussian_bound(exact(plain, schedule), x0, end, 24, seed=2).nats
        last = schedule.log_snr(torch.ones((), dtype=F64)).item()
        known = normal_nats(x0, 0.5, 8.0, max(last, -10.0)).sum((1, 2))
        density = exact(law, schedule).oracle.log_density(x0.flatten(0, 1), torch.zeros(()))
        gap = found - other + known + density.view(24, -1).sum(1)
        bits = gap / (each * dimensions * math.log(2))
        assert abs(bits.mean()) < 0.01
        assert 3 * bits.std() / math.sqrt(24) < 0.01

    def test_no_other_denoiser_goes_below(self) -> None:
        """In pairs at the same noise: twice as wide, moved, and of the wrong shares."""
        law = mixture(2)
        x0, end = points(law, 16, 1000), GaussianReconstruction()
        best = gaussian_bound(exact(law, Linear()), x0, end, 8, seed=3).nats
        wide = GaussianMixture(law.means, 2 * law.covariances, law.weights, law.labels)
        moved = GaussianMixture(law.means + 0.3, law.covariances, law.weights, law.labels)
        shares = GaussianMixture(law.means, law.covariances, law.weights.flip(0), law.labels)
        for wrong in (wide, moved, shares):
            more = gaussian_bound(exact(wrong, Linear()), x0, end, 8, seed=3).nats - best
            assert more.mean() > 4 * more.std() / math.sqrt(16)

    @pytest.mark.parametrize(
        "schedule",
        [VP(), Cosine(), Shifted(base=Linear(), shift=3.0), VE(sigma_max=1000.0)],
        ids=lambda s: s.kind,
    )
    def test_the_schedule_changes_nothing(self, schedule: Schedule) -> None:
        """But where the noise begins, which is beyond what is used of all these."""
        law = mixture(2)
        x0 = points(law, 3, 50)
        found = gaussian_bound(exact(law, schedule), x0, GaussianReconstruction(), 4, seed=0)
        reference = gaussian_bound(exact(law, Linear()), x0, GaussianReconstruction(), 4, seed=0)
        torch.testing.assert_close(found.nats, reference.nats, rtol=1e-8, atol=0)


class TestLevels:
    """Numbers on 6 levels, each with its own probability."""

    LEVELS = torch.linspace(-1, 1, 6, dtype=F64)
    LAW = GaussianMixture.build(
        LEVELS[:, None], stds=0.0, weights=torch.tensor([8.0, 1.0, 0.5, 0.1, 2.0, 4.0])
    )

    def gaps(self, apart: float) -> Tensor:
        """``bound + log p`` of every level, by going through the noise of the end; shape (6,).

        It is how far the true posterior at the end is from the one that does not know which levels
        are frequent.
        """
        s = math.exp(-DiscreteReconstruction(6, apart).log_snr / 2)
        eps = torch.linspace(-8, 8, 801, dtype=F64)
        share = Normal(0.0, 1.0).log_prob(eps).softmax(0)
        near = Normal(0.0, s).log_prob((self.LEVELS[:, None] + s * eps)[..., None] - self.LEVELS)
        known = (near + self.LAW.weights.log()).log_softmax(-1) - near.log_softmax(-1)
        return (known.diagonal(dim1=0, dim2=2) * share[:, None]).sum(0)

    @pytest.mark.parametrize("apart", [1.0, 2.0, 8.0])
    @pytest.mark.parametrize("schedule", [Linear(), VE()], ids=lambda s: s.kind)
    def test_it_is_the_negative_log_probability_and_what_the_end_costs(
        self, schedule: Schedule, apart: float
    ) -> None:
        expected = self.gaps(apart) - self.LAW.weights.log()
        each = 400
        x0 = self.LEVELS.repeat_interleave(each)[None, :, None].expand(16, -1, -1)
        nats = gaussian_bound(
            exact(self.LAW, schedule), x0, DiscreteReconstruction(6, apart), 16, seed=5
        ).nats
        fair(nats / (6 * each), expected.mean().item(), tolerance=0.05)

    def test_near_the_data_the_end_costs_nothing_and_is_never_a_gain(self) -> None:
        entropy = -(self.LAW.weights * self.LAW.weights.log()).sum()
        costs = [(self.LAW.weights * self.gaps(apart)).sum() for apart in (1.0, 2.0, 5.0, 8.0)]
        assert costs == sorted(costs, reverse=True)
        assert costs[0] > 0.1 * entropy
        assert 0 <= costs[-1] < 1e-3

    def test_numbers_that_go_together_need_no_more_bits_than_one(self) -> None:
        """Two that are always equal, and two of which one is the other's opposite."""
        pairs = torch.stack([self.LEVELS, self.LEVELS.flip(0)], 1)
        for places in (torch.stack([self.LEVELS, self.LEVELS], 1), pairs):
            law = GaussianMixture.build(places, stds=0.0)
            x0 = places.repeat(300, 1).expand(16, -1, -1)
            nats = gaussian_bound(
                exact(law, Linear()), x0, DiscreteReconstruction(6, 8.0), 16, seed=6
            ).nats
            fair(nats / 1800, math.log(6), tolerance=0.1)


class TestAddresses:
    DENOISER = MixtureDenoiser(mixture(2), Gaussian(Linear()))
    X0 = points(mixture(2), 1, 6)[0]

    def found(self, rows: slice, seed: int = 0, first: int = 0) -> Tensor:
        return gaussian_bound(
            self.DENOISER, self.X0[rows], GaussianReconstruction(), 3, seed, first
        ).nats

    def test_an_item_depends_on_its_seed_and_number_alone(self) -> None:
        whole = self.found(slice(None), first=10)
        for row in range(6):
            alone = self.found(slice(row, row + 1), first=10 + row)
            torch.testing.assert_close(alone, whole[row : row + 1], rtol=1e-9, atol=0)
        assert torch.equal(self.found(slice(None), first=10), whole)
        for other in (self.found(slice(None), first=11), self.found(slice(None), seed=1)):
            assert not torch.isclose(other, whole).any()

    def test_alike_items_are_asked_at_times_of_their_own_that_cover_the_way(self) -> None:
        asked: list[Tensor] = []

        class Watching(MixtureDenoiser):
            def forward(self, x_t: Tensor, t: Tensor, *_: Any, **cond: Any) -> Posterior:
                asked.append(self.process.schedule.log_snr(t))
                return Posterior(torch.zeros_like(x_t))

        denoiser = Watching(mixture(2), Gaussian(Linear()))
        gaussian_bound(denoiser, torch.zeros(50, 2), GaussianReconstruction(6.0), 20, seed=0)
        ratios = torch.stack(asked)
        assert ratios.shape == (20, 50) and ratios.unique().numel() == 1000
        assert (ratios.diff(dim=0) > 0).all()
        assert ratios.min() >= -10 and ratios.max() <= 6
        assert ratios[0].max() - ratios[0].min() > 0 and ratios[-1].min() > 4

    def test_twice_the_draws_leave_less_than_half_of_the_error_of_the_times(self) -> None:
        """A denoiser that ignores the noise leaves no other error."""

        class Constant(MixtureDenoiser):
            def forward(self, x_t: Tensor, t: Tensor, *_: Any, **cond: Any) -> Posterior:
                return Posterior(torch.zeros_like(x_t))

        denoiser = Constant(mixture(2), Gaussian(Linear()))
        few, many = (
            gaussian_bound(
                denoiser, torch.ones(400, 2), GaussianReconstruction(6.0), draws, seed=0
            ).nats.std()
            for draws in (16, 32)
        )
        assert many < 0.3 * few


class TestDenoisers:
    @pytest.mark.parametrize("prediction", [X0(), Eps(), V()], ids=lambda p: p.kind)
    @pytest.mark.parametrize("schedule", [Linear(), VP(), VE()], ids=lambda s: s.kind)
    def test_a_network_in_float32_is_as_good_as_what_it_says(
        self, schedule: Schedule, prediction: Any
    ) -> None:
        """One whose every prediction is right for N(0, 1/4) but for rounding."""

        class Right(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conditions: list[Any] = []

            def forward(self, x: Tensor, level: Tensor, **cond: Any) -> Tensor:
                self.conditions.append(cond)
                t = schedule.time(-8 * level.double())
                alpha, sigma = schedule.coefficients(t)
                n = torch.hypot(alpha / 2, sigma)
                x_t = x.double() * n[:, None]
                x0 = x_t * (alpha / 4 / n.square())[:, None]
                eps = (x_t - alpha[:, None] * x0) / sigma[:, None]
                return prediction.target(schedule, t, x0, eps).to(x.dtype)

        backbone = Right()
        denoiser = NetworkDenoiser(backbone, Gaussian(schedule), prediction, sigma_data=0.5)
        law = GaussianMixture.build(torch.zeros(1, 8), stds=0.5)
        x0 = points(law, 1, 16)[0].float()
        label = torch.arange(16)
        found = gaussian_bound(denoiser, x0, GaussianReconstruction(10.0), 8, 0, label=label)
        expected = gaussian_bound(
            MixtureDenoiser(law, Gaussian(schedule)),
            x0.double(),
            GaussianReconstruction(10.0),
            8,
            0,
        )
        torch.testing.assert_close(found.nats, expected.nats, rtol=1e-3, atol=1e-2)
        assert len(backbone.conditions) == 8
        assert all(torch.equal(cond["label"], label) for cond in backbone.conditions)

    def test_no_gradient_is_kept(self) -> None:
        x0 = torch.zeros(2, 2, dtype=F64, requires_grad=True)
        assert not gaussian_bound(
            TestAddresses.DENOISER, x0, GaussianReconstruction(), 1, 0
        ).nats.requires_grad
