"""What every sampler must do, over the whole registry and every schedule.

A sampler added to the registry is tested here without a word more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from sfumato.denoiser import Denoiser, NetworkDenoiser, Posterior
from sfumato.errors import SettingError
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.grids import EDMGrid, LogSNRGrid, UniformGrid
from sfumato.process.prediction import EDM, X0, Prediction, V, Velocity
from sfumato.process.schedule import VE, VP, Cosine, Linear, Schedule
from sfumato.sampling import (
    SAMPLERS,
    AnySampler,
    Context,
    Evaluation,
    KeyedNoise,
    Sampler,
    integrate,
    last,
    sample,
    trajectory,
)
from sfumato.sampling.adaptive import Adaptive
from sfumato.sampling.ddim import DDIM, Ancestral
from sfumato.sampling.multistep import DPM, Adams, UniPC
from sfumato.sampling.noise_multistep import DEIS, IPNDM
from sfumato.sampling.restart import Restart
from sfumato.sampling.runge_kutta import RK4, Heun, StochasticHeun
from sfumato.sampling.stochastic import DPMSDE, SASolver
from sfumato.sampling.wiener import Wiener

F64 = torch.float64
SCHEDULES: list[Schedule] = [Linear(), Cosine(), VP(), VE()]
VARIANTS: list[Sampler] = [
    *(kind() for kind in SAMPLERS.values()),
    DDIM(eta=0.5),
    DPMSDE(order=3),
    SASolver(tau=0.5, s_max=20.0),
    Restart(rounds=2, span=3),
    DPM(order=3),
    UniPC(order=3),
    Adams(order=4),
    Adams(order=2, correct=False),
    Adams(grid=UniformGrid()),
    DPM(order=3, grid=LogSNRGrid()),
    Heun(grid=EDMGrid()),
]
NOISY = (Ancestral, StochasticHeun, DPMSDE, SASolver, Restart)
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
every_sampler = pytest.mark.parametrize(
    "sampler", VARIANTS, ids=[f"{s.kind}-{k}" for k, s in enumerate(VARIANTS)]
)

RING = GaussianMixture.build(
    means=torch.tensor([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.8]]),
    stds=torch.tensor([[0.3, 0.1], [0.2, 0.4], [0.1, 0.1]]),
)


class Counting(Denoiser):
    """A bounded guess at the data that remembers the times it was asked about."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(Gaussian(schedule))
        self.times: list[float] = []

    def forward(self, x_t: Tensor, t: Tensor, **cond) -> Posterior:
        assert t.dtype == F64 and x_t.isfinite().all() and not torch.is_grad_enabled()
        self.times.extend([t.max().item()])
        return Posterior(x_t.tanh())


@every_schedule
@every_sampler
def test_evaluations_are_exactly_those_asked_for_and_never_at_zero(sampler, schedule):
    for evaluations in range(1, 13):
        denoiser = Counting(schedule)
        x0 = sample(denoiser, sampler, KeyedNoise(0, range(2)), (2,), evaluations)
        asked = len(denoiser.times)
        assert asked == evaluations if sampler.exact else 1 <= asked <= evaluations
        assert min(denoiser.times) > 0 and max(denoiser.times) <= 1
        assert x0.isfinite().all() and x0.dtype == torch.float32


@every_schedule
@every_sampler
def test_plan_adds_up(sampler, schedule):
    for evaluations in range(1, 51):
        plan = sampler.plan(evaluations)
        assert sum(plan) == evaluations and min(plan) >= 1


@every_schedule
@every_sampler
def test_one_evaluation_is_the_posterior_mean_of_the_prior(sampler, schedule):
    denoiser, noise = MixtureDenoiser(RING, Gaussian(schedule)), KeyedNoise(0, range(3))
    x_1 = denoiser.process.prior(noise.prior((2,)))
    mean = denoiser(x_1, torch.ones((), dtype=F64)).mean
    assert torch.equal(sample(denoiser, sampler, noise, (2,), 1), mean)


@every_schedule
@every_sampler
@pytest.mark.parametrize("evaluations", [2, 7, 30])
def test_no_noise_is_left_data_that_is_one_point_is_found_exactly(sampler, schedule, evaluations):
    point = GaussianMixture.build(torch.tensor([[0.3, -0.7]]), stds=0.0)
    denoiser = MixtureDenoiser(point, Gaussian(schedule))
    x0 = sample(denoiser, sampler, KeyedNoise(1, range(4)), (2,), evaluations)
    assert torch.equal(x0, torch.tensor([[0.3, -0.7]]).expand(4, 2))


@every_schedule
@every_sampler
def test_a_constant_posterior_is_followed_exactly_on_the_way(sampler, schedule):
    """With one point of data the states are alpha x0 + sigma eps: mean exact at every time."""
    point = torch.tensor([[0.3, -0.7]])
    denoiser = MixtureDenoiser(GaussianMixture.build(point, stds=0.0), Gaussian(schedule))
    noise = KeyedNoise(1, range(4), dtype=F64)
    states = list(trajectory(denoiser, sampler, noise, (2,), 12))
    if isinstance(sampler, NOISY) or getattr(sampler, "eta", 0) > 0:
        return
    eps = denoiser.process.schedule.coefficients(torch.ones((), dtype=F64))
    start = (states[0].x_t - eps[0] * point.double()) / eps[1]
    for state in states:
        want = denoiser.process.corrupt(
            point.double().expand(4, 2), torch.tensor(state.t, dtype=F64), start
        )
        torch.testing.assert_close(state.x_t, want, rtol=1e-6, atol=1e-6)


@every_schedule
@every_sampler
def test_a_sample_is_the_same_in_any_batch(sampler, schedule):
    denoiser = MixtureDenoiser(RING, Gaussian(schedule))
    whole = sample(denoiser, sampler, KeyedNoise(5, [0, 1, 2, 3, 4]), (2,), 9)
    for part in ([3], [4, 0]):
        alone = sample(denoiser, sampler, KeyedNoise(5, part), (2,), 9)
        torch.testing.assert_close(alone, whole[part], rtol=1e-6, atol=1e-6)
    assert torch.equal(whole, sample(denoiser, sampler, KeyedNoise(5, range(5)), (2,), 9))


@every_schedule
@every_sampler
def test_states_run_from_prior_to_data(sampler, schedule):
    denoiser, noise = MixtureDenoiser(RING, Gaussian(schedule)), KeyedNoise(0, range(3))
    states = list(trajectory(denoiser, sampler, noise, (2,), 8))
    steps = len(sampler.plan(8))
    assert [s.step for s in states] == list(range(steps + 1))
    assert {s.steps for s in states} == {steps}
    times = [s.t for s in states]
    assert times == sampler.grid.times(steps, schedule, 2).tolist()
    assert torch.equal(states[0].x_t, denoiser.process.prior(noise.prior((2,))))
    assert (states[-1].x_t - states[-2].mean).abs().max() < 0.3
    assert torch.equal(states[-1].mean, states[-1].x_t)


@every_schedule
@every_sampler
def test_float32_states_lose_nothing_that_can_be_seen(sampler, schedule):
    """Against the same run in float64; a cancelling coefficient would show here."""
    denoiser = MixtureDenoiser(RING, Gaussian(schedule))
    coarse = sample(denoiser, sampler, KeyedNoise(2, range(16)), (2,), 25)
    fine = sample(denoiser, sampler, KeyedNoise(2, range(16), dtype=F64), (2,), 25)
    torch.testing.assert_close(coarse.double(), fine, rtol=0, atol=2e-4)


@every_sampler
def test_conditions_reach_the_denoiser(sampler):
    denoiser = MixtureDenoiser(RING, Gaussian(Linear()))
    label = torch.tensor([0, 1, 2])
    x0 = sample(denoiser, sampler, KeyedNoise(0, range(3)), (2,), 15, {"label": label})
    assert ((x0 - RING.means[label].float()).abs() < 1.5).all()
    alone = MixtureDenoiser(
        GaussianMixture.build(RING.means[2:], covariances=RING.covariances[2:]), denoiser.process
    )
    want = sample(alone, sampler, KeyedNoise(0, [2]), (2,), 15)
    torch.testing.assert_close(x0[2:], want, rtol=1e-5, atol=1e-5)


@every_sampler
def test_spec_round_trip(sampler):
    assert TypeAdapter(AnySampler).validate_json(sampler.model_dump_json()) == sampler


@pytest.mark.parametrize("name", SAMPLERS)
def test_registry_names_are_kinds_and_carry_a_summary(name):
    sampler = SAMPLERS[name]()
    assert sampler.kind == name  # type: ignore[attr-defined]
    assert 10 < len(sampler.summary) < 80 and "\n" not in sampler.summary
    with pytest.raises(ValidationError):
        SAMPLERS[name](no_such_setting=1)


@pytest.mark.parametrize("evaluations", [0, -3])
@every_sampler
def test_no_evaluations_are_refused_at_once(sampler, evaluations):
    denoiser = MixtureDenoiser(RING, Gaussian(Linear()))
    with pytest.raises(SettingError, match="evaluation"):
        trajectory(denoiser, sampler, KeyedNoise(0, [0]), (2,), evaluations)


# Order of convergence --------------------------------------------------------------------------

ORDERS: list[tuple[Sampler, int]] = [
    (DDIM(), 1),
    (Heun(), 2),
    (RK4(), 4),
    *((DEIS(order=k), k) for k in (1, 2, 3, 4)),
    *((IPNDM(order=k), k) for k in (2, 3, 4)),
    *((SASolver(order=k, tau=0), k) for k in (2, 3)),
    (StochasticHeun(churn=0), 2),
    (DPM(order=2), 2),
    (DPM(order=3), 3),
    (UniPC(order=2), 2),
    (UniPC(order=3), 3),
    *((Adams(order=k, correct=False), k) for k in (1, 2, 3, 4)),
    *((Adams(order=k), k) for k in (2, 3, 4)),
    *((Wiener(order=k), k) for k in (2, 3, 4)),
]
SMOOTH = GaussianMixture.build(
    means=torch.tensor([[0.6, 0.0], [-0.4, 0.5]]), stds=torch.tensor([[0.5, 0.4], [0.6, 0.5]])
)


ENDS = (-3.0, 2.0)
"""Log-SNR at which the way begins and ends, far from where steps are ever infinite."""


def endpoint(sampler: Sampler, schedule: Schedule, ends: Sequence[float], steps: int) -> Tensor:
    """The state at ``ends[1]``; small steps at both ends, so that neither starting up with low
    orders nor the last state's being predicted but not corrected is what is measured."""
    start, stop = (schedule.time(torch.tensor(e, dtype=F64)) for e in ends)
    u = torch.arange(steps + 1, dtype=F64) / steps
    share = u.pow(3) * (10 - 15 * u + 6 * u.square())
    times = torch.cat([start + (stop - start) * share, torch.zeros(1, dtype=F64)])
    denoiser = MixtureDenoiser(SMOOTH, Gaussian(schedule))
    _, sigma = schedule.coefficients(start)
    x_t = sigma * torch.randn(8, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    fitting = (n for n in range(1, 4 * steps + 3) if len(sampler.plan(n)) == steps + 1)
    states = list(integrate(denoiser, sampler, x_t, times, KeyedNoise(0, [0]), max(fitting)))
    return states[-2].x_t


def reference(schedule: Schedule, ends: Sequence[float]) -> Tensor:
    """Classical Runge-Kutta in the log noise level: shares nothing with the samplers."""
    start = schedule.time(torch.tensor(ends[0], dtype=F64))
    alpha, sigma = schedule.coefficients(start)
    denoiser = MixtureDenoiser(SMOOTH, Gaussian(VE(sigma_max=1e3, rho=1)))
    noise = torch.randn(8, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    z, levels = sigma / alpha * noise, torch.linspace(-ends[0] / 2, -ends[1] / 2, 2401, dtype=F64)

    def slope(z: Tensor, level: Tensor) -> Tensor:
        return z - denoiser(z, level.exp() / 1e3).mean

    for a, b in pairwise(levels):
        h, middle = b - a, (a + b) / 2
        k1 = slope(z, a)
        k2 = slope(z + h / 2 * k1, middle)
        k3 = slope(z + h / 2 * k2, middle)
        z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(z + h * k3, b))
    alpha, _ = schedule.coefficients(schedule.time(torch.tensor(ends[1], dtype=F64)))
    return alpha * z


@pytest.fixture(scope="module")
def truth_on_the_way():
    return reference(VP(), ENDS)


@pytest.mark.parametrize(("sampler", "order"), ORDERS, ids=[f"{s.kind}-{k}" for s, k in ORDERS])
def test_order_of_convergence_is_as_in_theory(sampler, order, truth_on_the_way):
    # Far enough down for the theory to hold, and not so far that the reference is in the way.
    fineness = (24, 48) if isinstance(sampler, RK4) else (192, 384) if order == 4 else (96, 192)
    errors = [
        (endpoint(sampler, VP(), ENDS, steps) - truth_on_the_way).square().mean().sqrt().item()
        for steps in fineness
    ]
    measured = torch.tensor(errors[0] / errors[1]).log2().item()
    assert abs(measured - order) < 0.2, (measured, errors)


@pytest.fixture(scope="module", params=[Linear(), VE()], ids=lambda s: s.kind)
def problem(request):
    """A denoiser, noise, and where the noise ends."""
    denoiser = MixtureDenoiser(RING, Gaussian(request.param))
    noise = KeyedNoise(3, range(64), dtype=F64)
    return denoiser, noise, sample(denoiser, Adams(), noise, (2,), 240)


@pytest.mark.parametrize("kind", ["wiener", "adams", "ddim", "heun", "dpm", "unipc"])
def test_more_evaluations_bring_the_end_nearer(kind, problem):
    denoiser, noise, truth = problem
    ends = [sample(denoiser, SAMPLERS[kind](), noise, (2,), n) for n in (8, 32, 96)]
    # The median: a sample that starts on a watershed between modes may take long to settle.
    errors = [(end - truth).square().mean(1).sqrt().median() for end in ends]
    assert errors[1] < errors[0] / 2 and errors[2] < errors[1] / 2


# Stochastic samplers -------------------------------------------------------------------------


@dataclass(frozen=True)
class BasisNoise:
    """Row 0 gets no noise at all; row ``k`` a single one: the prior (1) or that of step k - 2."""

    rows: int

    def prior(self, shape: Sequence[int]) -> Tensor:
        return self._row(1, shape)

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        return self._row(step + 2, shape)

    def _row(self, row: int, shape: Sequence[int]) -> Tensor:
        noise = torch.zeros(self.rows, *shape, dtype=F64)
        noise[row] = 1
        return noise


def moments(sampler: Sampler, schedule: Schedule, evaluations: int) -> tuple[float, float]:
    """Exact mean and variance of the sampler's law for normal data: it is linear in its noise."""
    normal = GaussianMixture.build(torch.tensor([[0.4]]), stds=0.5)
    rows = len(sampler.plan(evaluations)) + 2
    x0 = sample(
        MixtureDenoiser(normal, Gaussian(schedule)), sampler, BasisNoise(rows), (1,), evaluations
    )
    return x0[0].item(), (x0[1:] - x0[0]).square().sum().item()


STOCHASTIC = [
    Ancestral(),
    DDIM(eta=1.0),
    DDIM(eta=0.5),
    StochasticHeun(),
    DPMSDE(),
    DPMSDE(order=3),
    SASolver(),
    Restart(),
]
every_stochastic = pytest.mark.parametrize("sampler", STOCHASTIC, ids=repr)


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=lambda s: s.kind)
@every_stochastic
def test_noise_keeps_the_marginals(sampler, schedule):
    """Mean exact, and variance too as steps shrink; schedules that begin without signal."""
    mean, coarse = moments(sampler, schedule, 100)
    assert mean == pytest.approx(0.4, abs=1e-6)
    _, fine = moments(sampler, schedule, 401)
    assert abs(fine - 0.25) < 0.01 * 0.25 * 2
    assert abs(fine - 0.25) < 0.5 * abs(coarse - 0.25) + 2e-4


@every_stochastic
def test_noise_of_every_step_before_the_last_is_used(sampler):
    normal = GaussianMixture.build(torch.tensor([[0.4]]), stds=0.5)
    denoiser = MixtureDenoiser(normal, Gaussian(Linear()))
    rows = len(sampler.plan(21)) + 2
    x0 = sample(denoiser, sampler, BasisNoise(rows), (1,), 21)
    shares = (x0[1:] - x0[0]).abs().flatten()
    if isinstance(sampler, StochasticHeun | SASolver | Restart):  # Noise in the middle alone.
        assert (shares[2:-2] > 0).any()
    else:
        assert (shares[1:-1] > 0).all() and shares[-1] == 0


def test_ancestral_is_ddim_with_all_the_noise():
    denoiser, noise = MixtureDenoiser(RING, Gaussian(VP())), KeyedNoise(0, range(4))
    assert torch.equal(
        sample(denoiser, Ancestral(), noise, (2,), 10),
        sample(denoiser, DDIM(eta=1.0), noise, (2,), 10),
    )


def test_last_of_a_trajectory_is_the_sample():
    denoiser, noise = MixtureDenoiser(RING, Gaussian(VP())), KeyedNoise(0, range(4))
    states = trajectory(denoiser, Adams(), noise, (2,), 6)
    assert torch.equal(last(states), sample(denoiser, Adams(), noise, (2,), 6))


# Precision, prediction, and whether these checks can fail ----------------------------------------


@every_schedule
@every_sampler
def test_states_in_bfloat16_stay_near(sampler, schedule):
    """Sixteen bits are too few for fine detail, but nothing may blow up."""
    if isinstance(sampler, (*NOISY, Adaptive)):
        return  # Its noise, or its steps, would not be the same.
    denoiser = MixtureDenoiser(SMOOTH, Gaussian(schedule))
    noise = KeyedNoise(4, range(16), dtype=torch.bfloat16)
    coarse = sample(denoiser, sampler, noise, (2,), 20)
    fine = sample(denoiser, sampler, KeyedNoise(4, range(16), dtype=F64), (2,), 20)
    assert coarse.dtype == torch.bfloat16
    assert (coarse.double() - fine).square().mean().sqrt() < 0.05


class Predicting(torch.nn.Module):
    """A backbone that knows the truth and tells it as whatever is asked for."""

    def __init__(self, exact: MixtureDenoiser, prediction: Prediction, scale: float) -> None:
        super().__init__()
        self.exact, self.prediction, self.scale = exact, prediction, scale

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        schedule = self.exact.process.schedule
        t = schedule.time(-8 * level.double())
        alpha, sigma = schedule.coefficients(t)
        x_t = torch.hypot(alpha * self.scale, sigma)[:, None] * x
        c_skip, c_out = self.prediction.to_x0(schedule, t)
        mean = self.exact(x_t, t).mean
        return (mean - c_skip[:, None] * x_t) / c_out[:, None]


@every_schedule
@pytest.mark.parametrize("prediction", [X0(), V(), Velocity(), EDM()], ids=lambda p: p.kind)
@pytest.mark.parametrize("kind", ["wiener", "heun", "deis", "sa"])
def test_samples_are_the_same_by_any_prediction(kind, prediction, schedule):
    exact = MixtureDenoiser(SMOOTH, Gaussian(schedule))
    network = NetworkDenoiser(Predicting(exact, prediction, 0.5), exact.process, prediction, 0.5)
    # Between noise levels that a network tells apart; the ends have their own tests.
    noise, times = KeyedNoise(0, range(4), dtype=F64), torch.linspace(0.9, 0.1, 12, dtype=F64)
    times = torch.cat([times, torch.zeros(1, dtype=F64)])
    x_t = noise.prior((2,))
    sampler = SAMPLERS[kind]()
    count = next(n for n in range(1, 60) if len(sampler.plan(n)) == len(times) - 1)
    told, known = (
        last(integrate(denoiser, sampler, x_t, times, noise, count))
        for denoiser in (network, exact)
    )
    torch.testing.assert_close(told, known, rtol=1e-5, atol=1e-5)


class Greedy(Wiener):
    """One evaluation too many."""

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        context.denoise(x_t, t)
        return super().step(x_t, t, s, context)


class Leaving(Wiener):
    """Leaves a little noise."""

    def finish(self, context: Context, nodes: Sequence[Evaluation]) -> Tensor:
        return nodes[0].mean + 1e-3 * context.noise()


class Off(Wiener):
    """Its weights are off by a thousandth."""

    def weights(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return super().weights(alpha, sigma) * 1.001


class Batchwise(Wiener):
    """Looks at its neighbours in the batch."""

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        return super().step(x_t + 1e-3 * x_t.mean(0), t, s, context)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Greedy(), test_evaluations_are_exactly_those_asked_for_and_never_at_zero),
        (Batchwise(), test_a_sample_is_the_same_in_any_batch),
        (Off(), test_a_constant_posterior_is_followed_exactly_on_the_way),
    ],
)
def test_a_broken_sampler_fails(broken, check):
    with pytest.raises(AssertionError):
        check(broken, Linear())


def test_a_sampler_that_leaves_noise_fails():
    with pytest.raises(AssertionError):
        test_no_noise_is_left_data_that_is_one_point_is_found_exactly(Leaving(), Linear(), 7)
