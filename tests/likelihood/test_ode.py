"""Flow likelihoods against densities that are known exactly, and probes against traces."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from sfumato.denoiser import Denoiser, NetworkDenoiser, Posterior
from sfumato.likelihood import (
    DiscreteReconstruction,
    Divergence,
    Exact,
    FlowLikelihood,
    GaussianReconstruction,
    Hutchinson,
    flow_likelihood,
    gaussian_bound,
)
from sfumato.likelihood.ode import EXACT_UP_TO, default_divergence
from sfumato.nets.specs import TransformerSpec, UNetSpec
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.prediction import EDM
from sfumato.process.rng import Stream, normal
from sfumato.process.schedule import VE, VP, Cosine, Linear, Schedule, Shifted

F64 = torch.float64


def mixture(dimensions: int, least: float = 0.1, greatest: float = 0.6) -> GaussianMixture:
    """Three normal laws that overlap, turned anyhow, centred, with deviations in a range."""
    g = torch.Generator().manual_seed(dimensions)
    turns, _ = torch.linalg.qr(torch.randn(3, dimensions, dimensions, dtype=F64, generator=g))
    logs = torch.rand(3, dimensions, dtype=F64, generator=g) * math.log(greatest / least)
    covariances = turns @ torch.diag_embed((least * logs.exp()).square()) @ turns.mT
    means = torch.randn(3, dimensions, dtype=F64, generator=g)
    return GaussianMixture.build(means - means.mean(0), covariances)


LAWS = {
    "1-D": mixture(1),
    "2-D": mixture(2),
    "16-D": mixture(16),
    "anisotropic": mixture(4, least=0.01, greatest=2.0),
    "flat": GaussianMixture.build(
        torch.tensor([[1.0, 0.0, 0.5], [-1.0, 0.0, -0.5]]), stds=torch.tensor([[0.3, 0.0, 0.0]])
    ),
}


def drawn(law: GaussianMixture, count: int) -> Tensor:
    g = torch.Generator().manual_seed(0)
    eps = torch.randn(count, law.means.shape[1], dtype=F64, generator=g)
    return law.sample(torch.rand(count, dtype=F64, generator=g), eps)


def begun(x0: Tensor, end: GaussianReconstruction, seed: int = 0) -> Tensor:
    """The states that the flow begins at."""
    noise = normal(seed, Stream.LIKELIHOOD, range(len(x0)), x0.shape[1:], step=1)
    return x0 + math.exp(-end.log_snr / 2) * noise


def truth(law: GaussianMixture, y: Tensor, end: GaussianReconstruction) -> Tensor:
    """``-log p_s(y)``, by torch's normal laws."""
    wide = math.exp(-end.log_snr) * torch.eye(law.means.shape[1], dtype=F64)
    parts = MultivariateNormal(law.means, law.covariances + wide).log_prob(y[:, None])
    return -torch.logsumexp(parts + law.weights.log(), 1)


def off(found: FlowLikelihood, expected: Tensor, dimensions: int) -> Tensor:
    """Bits per dimension too many, shape (B,)."""
    return (found.nats - expected) / (dimensions * math.log(2))


class TestMixtures:
    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    @pytest.mark.parametrize("schedule", [Linear(), VE(sigma_max=1000.0)], ids=lambda s: s.kind)
    def test_each_point_s_density_within_a_hundredth_of_a_bit(
        self, schedule: Schedule, law: GaussianMixture
    ) -> None:
        x0, end = drawn(law, 24), GaussianReconstruction()
        oracle = MixtureDenoiser(law, Gaussian(schedule))
        found = flow_likelihood(oracle, x0, end, Exact(), 64, seed=0)
        gap = off(found, truth(law, begun(x0, end), end), x0.shape[1])
        assert gap.abs().max() < 0.01
        assert gap.mean().abs() < 0.003

    @pytest.mark.parametrize(
        "schedule", [Cosine(), Shifted(base=Linear(), shift=3.0)], ids=lambda s: s.kind
    )
    def test_schedules_that_end_without_signal_are_all_alike(self, schedule: Schedule) -> None:
        x0, law = drawn(LAWS["anisotropic"], 24), LAWS["anisotropic"]
        found, straight = (
            flow_likelihood(
                MixtureDenoiser(law, Gaussian(path)),
                x0,
                GaussianReconstruction(),
                Exact(),
                64,
                seed=0,
            ).nats
            for path in (schedule, Linear())
        )
        torch.testing.assert_close(found, straight, rtol=1e-8, atol=1e-8)

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    @pytest.mark.parametrize("schedule", [VP(), VE()], ids=lambda s: s.kind)
    def test_where_the_path_ends_with_some_signal_the_prior_lacks_that_and_no_more(
        self, schedule: Schedule, law: GaussianMixture
    ) -> None:
        """Of one point as much as its part of the noisiest state makes likelier, of all nothing."""
        x0, end = drawn(law, 200), GaussianReconstruction()
        oracle = MixtureDenoiser(law, Gaussian(schedule))
        found = flow_likelihood(oracle, x0, end, Exact(), 64, seed=0)
        gap = off(found, truth(law, begun(x0, end), end), x0.shape[1])
        assert gap.mean().abs() < 0.01
        left = schedule.log_snr(torch.ones((), dtype=F64)).div(2).exp().item()
        assert gap.abs().max() < 0.01 + 4 * left * law.means.norm(dim=1).max()

    def test_at_less_and_less_noise_it_is_the_density_of_the_data(self) -> None:
        law = LAWS["2-D"]
        x0 = drawn(law, 100)
        expected = truth(law, x0, GaussianReconstruction(60.0))
        oracle = MixtureDenoiser(law, Gaussian(Linear()))
        found = flow_likelihood(oracle, x0, GaussianReconstruction(12.0), Exact(), 96, seed=0)
        assert off(found, expected, 2).mean().abs() < 0.01

    def test_of_levels_it_is_what_the_bound_is(self) -> None:
        """Which tests/likelihood/test_gaussian.py holds to the probability of a level."""
        levels = torch.linspace(-1, 1, 6, dtype=F64)[:, None]
        law = GaussianMixture.build(
            levels, stds=0.0, weights=torch.tensor([8.0, 1.0, 0.5, 0.1, 2.0, 4.0])
        )
        oracle = MixtureDenoiser(law, Gaussian(Linear()))
        x0 = levels.repeat(400, 1)
        flow = flow_likelihood(oracle, x0, DiscreteReconstruction(6), Exact(), 96, seed=0).nats
        bound = gaussian_bound(oracle, x0, DiscreteReconstruction(6), 16, seed=1).nats
        error = math.sqrt((flow.var() + bound.var()) / len(x0))
        assert abs(flow.mean() - bound.mean()) < 3 * error < 0.1
        # Noise makes the bound of an item vary where its density does not.
        assert flow.view(400, 6).std(0).mean() < bound.view(400, 6).std(0).mean()

    def test_twice_the_evaluations_leave_a_quarter_of_the_error(self) -> None:
        """At least: the rule is of second order, and its divergence of third."""
        for name in ("1-D", "2-D", "anisotropic"):
            law, end = LAWS[name], GaussianReconstruction()
            x0 = drawn(law, 24)
            oracle = MixtureDenoiser(law, Gaussian(Linear()))
            right = truth(law, begun(x0, end), end)
            errors = [
                off(flow_likelihood(oracle, x0, end, Exact(), count, 0), right, x0.shape[1])
                for count in (32, 64, 128)
            ]
            for coarse, fine in pairwise(errors):
                assert fine.square().mean().sqrt() < coarse.square().mean().sqrt() / 4


class Learnt(Denoiser[Gaussian]):
    """A smooth network that is right about nothing, and differs with the label."""

    def __init__(self) -> None:
        super().__init__(Gaussian(Linear()))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 2)).double()
        self.requires_grad_(False)
        self.asked = 0

    def at(self, y: Tensor, s: Tensor, label: Tensor) -> Tensor:
        shrunk = y / (1 + s.square()).sqrt()[..., None]
        features = torch.cat([shrunk, torch.log(s)[..., None] / 4], -1)
        return torch.tanh(self.net(features)) + shrunk / 2 + label[..., None]

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor, **_: Any) -> Posterior:
        self.asked += 1
        alpha, sigma = self.process.schedule.coefficients(t.expand(len(x_t)))
        return Posterior(self.at(x_t / alpha[:, None], sigma / alpha, label))


class TestAnyDenoiser:
    def test_it_is_the_change_of_variables_of_the_whole_way(self) -> None:
        """The map from data to noise, by small steps of Runge and Kutta, and its determinant."""
        model, end = Learnt(), GaussianReconstruction(6.0)
        x0 = drawn(LAWS["2-D"], 3)
        label = torch.tensor([0.0, 0.5, -0.5], dtype=F64)
        low, high, steps = -3.0, 8.0, 80

        def rate(y: Tensor, log_s: float, own: Tensor) -> Tensor:
            return y - model.at(y, torch.tensor(math.exp(log_s), dtype=F64), own)

        def noised(y: Tensor, own: Tensor) -> Tensor:
            h = (high - low) / steps
            for at in (low + h * step for step in range(steps)):
                a = rate(y, at, own)
                b = rate(y + h / 2 * a, at + h / 2, own)
                c = rate(y + h / 2 * b, at + h / 2, own)
                y = y + h / 6 * (a + 2 * b + 2 * c + rate(y + h * c, at + h, own))
            return y

        wide = MultivariateNormal(torch.zeros(2, dtype=F64), math.exp(16) * torch.eye(2, dtype=F64))
        expected = []
        for y, own in zip(begun(x0, end), label, strict=True):
            jacobian: Any = torch.func.jacrev(noised)(y, own)
            expected.append(-wide.log_prob(noised(y, own)) - jacobian.det().abs().log())
        found = flow_likelihood(model, x0, end, Exact(), 256, seed=0, label=label)
        torch.testing.assert_close(found.nats, torch.stack(expected), rtol=0, atol=5e-3)

    @pytest.mark.parametrize("count", [2, 3, 17])
    def test_evaluations_are_counted_and_no_gradient_is_kept(self, count: int) -> None:
        model = Learnt()
        x0 = torch.zeros(2, 2, dtype=F64, requires_grad=True)
        with torch.no_grad():
            found = flow_likelihood(
                model, x0, GaussianReconstruction(), Exact(), count, 0, label=torch.zeros(2)
            )
        assert model.asked == count
        for part in (found.prior, found.volume, found.reconstruction, found.probe_error):
            assert part.dtype == F64 and part.shape == (2,) and not part.requires_grad

    @pytest.mark.parametrize(
        "spec",
        [
            UNetSpec(widths=(16, 32), blocks=(1, 1), attention=(False, True), head_dim=16),
            TransformerSpec(patch=2, dim=32, depth=2, heads=2),
        ],
        ids=lambda spec: spec.kind,
    )
    def test_networks_can_be_followed(self, spec: Any) -> None:
        """Their attention and normalisation have gradients, and probes find their divergence."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            backbone = spec.build(1, [8, 8], 0, False)
            for weights in backbone.parameters():  # The last layers are zero before training.
                weights.data.add_(0.1 * torch.randn_like(weights))
        denoiser = NetworkDenoiser(backbone, Gaussian(Linear()), EDM()).train(False)
        denoiser.requires_grad_(False)
        x0 = drawn(LAWS["16-D"], 8).float().view(2, 1, 8, 8)
        exact = flow_likelihood(denoiser, x0, GaussianReconstruction(), Exact(), 4, 0)
        drawn_ = flow_likelihood(denoiser, x0, GaussianReconstruction(), Hutchinson(30), 4, 0)
        assert (exact.probe_error == 0).all()
        assert (drawn_.probe_error > 0).all()
        assert ((drawn_.volume - exact.volume).abs() < 4 * drawn_.probe_error).all()
        torch.testing.assert_close(drawn_.prior, exact.prior, rtol=1e-6, atol=0)

    def test_one_evaluation_is_no_way(self) -> None:
        with pytest.raises(ValueError, match="two evaluations"):
            flow_likelihood(Learnt(), torch.zeros(1, 2), GaussianReconstruction(), Exact(), 1, 0)


class TestAddresses:
    ORACLE = MixtureDenoiser(LAWS["16-D"], Gaussian(Linear()))
    X0 = drawn(LAWS["16-D"], 6)

    def found(self, rows: slice, divergence: Divergence, seed: int = 0, first: int = 0) -> Tensor:
        x0 = self.X0[rows]
        return flow_likelihood(
            self.ORACLE, x0, GaussianReconstruction(), divergence, 12, seed, first
        ).nats

    @pytest.mark.parametrize("divergence", [Exact(), Hutchinson(), Hutchinson(3)], ids=str)
    def test_an_item_depends_on_its_seed_and_number_alone(self, divergence: Divergence) -> None:
        whole = self.found(slice(None), divergence, first=10)
        for row in range(6):
            alone = self.found(slice(row, row + 1), divergence, first=10 + row)
            torch.testing.assert_close(alone, whole[row : row + 1], rtol=1e-9, atol=0)
        for other in (
            self.found(slice(None), divergence, first=11),
            self.found(slice(None), divergence, seed=1),
        ):
            assert not torch.isclose(other, whole).any()


JACOBIANS = torch.randn(400, 6, 6, dtype=F64, generator=torch.Generator().manual_seed(0))


def estimates(probes: torch.Tensor) -> torch.Tensor:
    """``v . J v`` of every probe, shape (P, B)."""
    flat = probes.flatten(2).double()
    return torch.einsum("pbi,bij,pbj->pb", flat, JACOBIANS, flat)


TRACES = JACOBIANS.diagonal(dim1=1, dim2=2).sum(1)


def test_axes_are_exact() -> None:
    probes = Exact().probes((2, 3), seed=0, indices=range(400))
    assert probes.shape == (6, 400, 2, 3)
    found = estimates(probes)
    # Their length is a root in float32.
    torch.testing.assert_close(found.mean(0), TRACES, rtol=1e-5, atol=1e-5)
    assert (Exact().error(found) == 0).all()


@pytest.mark.parametrize("count", [2, 8])
def test_signs_are_right_on_average_and_know_their_error(count: int) -> None:
    divergence = Hutchinson(count)
    probes = divergence.probes((2, 3), seed=0, indices=range(400))
    assert probes.shape == (count, 400, 2, 3)
    assert (probes.abs() == 1).all()
    found = estimates(probes)
    gaps = found.mean(0) - TRACES
    assert abs(gaps.mean()) < 3.3 * gaps.std() / math.sqrt(400)
    # What is off the diagonal is all that varies.
    sides = (JACOBIANS + JACOBIANS.mT).tril(-1).square().sum((1, 2)) / count
    assert divergence.error(found).square().mean() == pytest.approx(sides.mean().item(), rel=0.3)
    assert gaps.square().mean() == pytest.approx(sides.mean().item(), rel=0.3)


def test_a_single_probe_does_not_know_its_error() -> None:
    assert Hutchinson().error(torch.ones(1, 3)).isnan().all()


def test_probes_differ_by_item_number_and_seed() -> None:
    probes = Hutchinson(2).probes((50,), seed=0, indices=[3, 4])
    assert len({tuple(row.tolist()) for row in probes.flatten(0, 1)}) == 4
    assert torch.equal(Hutchinson(1).probes((50,), seed=0, indices=[4])[0], probes[0, 1:])
    assert not torch.equal(Hutchinson(2).probes((50,), seed=1, indices=[3, 4]), probes)


def test_few_numbers_are_worth_an_exact_trace_unless_probes_are_asked_for() -> None:
    assert default_divergence(EXACT_UP_TO) == Exact()
    assert default_divergence(EXACT_UP_TO + 1) == Hutchinson(1)
    assert default_divergence(2, probes=5) == Hutchinson(5)
    with pytest.raises(ValueError, match="no 0 probes"):
        default_divergence(2, probes=0)
