"""What every method of restoration must do, over the whole registry and every schedule.

A method added to the registry is tested here without a word more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser, NetworkDenoiser, Posterior
from sfumato.errors import SettingError
from sfumato.guidance import Guided
from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.prediction import X0
from sfumato.process.schedule import VE, VP, Cosine, Linear, Schedule
from sfumato.restoration.blur import Blur
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.levels import Clip
from sfumato.restoration.mask import Mask
from sfumato.restoration.method import Method
from sfumato.restoration.methods import METHODS, AnyMethod
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import FunctionOperator, Operator
from sfumato.restoration.problem import Problem
from sfumato.sampling import Ancestral, Heun, Sampler, State, Wiener, last
from sfumato.sampling.tiles import Tiled

F64 = torch.float64
SHAPE = (1, 2, 2)
SCHEDULES: list[Schedule] = [Linear(), Cosine(), VP(), VE()]
VARIANTS: list[Method] = [
    *(kind() for kind in METHODS.values()),
    METHODS["moment-matching"](particles=1),
    METHODS["quick"](particles=3),
]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
every_method = pytest.mark.parametrize(
    "method", VARIANTS, ids=[f"{m.kind}-{k}" for k, m in enumerate(VARIANTS)]
)

MIXTURE = GaussianMixture.build(
    means=torch.tensor([[1.0, 0.0, 1.0, 0.5], [-0.5, 0.8, -1.0, 0.0], [-0.5, -0.8, 0.0, -1.0]]),
    stds=torch.tensor([[0.3], [0.2], [0.4]]),
)
KNOWN = Mask.of(torch.tensor([[True, False], [True, True]]))
KNOWN_PLACES = torch.tensor([0, 2, 3])
LABELS = torch.tensor([0, 1, 0, 1])


def covariance() -> Covariance:
    spread = MIXTURE.means - MIXTURE.means.mean(0)
    within = MIXTURE.covariances.mean(0)
    return Covariance.isotropic(SHAPE, float((spread.square().mean() + within.mean()).sqrt()))


def random_rows(count: int) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(1))


class Counting(Denoiser):
    """A denoiser that counts how often it is evaluated, and never at time 0."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__(denoiser.process)
        self.denoiser, self.count = denoiser, 0

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        assert t.dtype == F64 and 0 < t <= 1 and x_t.isfinite().all()
        self.count += 1
        return self.denoiser(x_t, t, **cond)


def observed(operator: Operator, shape: tuple[int, ...] = SHAPE, noise: float = 0.2) -> Observation:
    x0 = torch.randn(1, *shape, generator=torch.Generator().manual_seed(3))
    return Observation(operator, operator.forward(x0), torch.tensor(noise))


def problem(
    denoiser: Denoiser | Callable[[int], Denoiser],
    sampler: Sampler,
    evaluations: int,
    indices: range = range(3),
    observation: Observation | None = None,
    begin: float = 1.0,
    **other: Any,
) -> Problem:
    make = (lambda _: denoiser) if isinstance(denoiser, Denoiser) else denoiser
    shape = other.setdefault("shape", SHAPE)
    schedule = make(1).process.schedule
    steps, size = len(sampler.plan(evaluations)), torch.Size(shape).numel()
    return Problem(
        denoiser=make,
        observation=observation or observed(KNOWN),
        covariance=other.pop("covariance", None) or covariance(),
        indices=indices,
        seed=5,
        times=sampler.grid.times(steps, schedule, size, begin),
        **other,
    )


def states(method: Method, task: Problem, sampler: Sampler, evaluations: int) -> list[State]:
    return list(method.states(task, sampler, evaluations))


@every_schedule
@every_method
@pytest.mark.parametrize("evaluations", [1, 2, 7, 16])
def test_samples_are_finite_and_take_the_evaluations_asked_for(
    method: Method, schedule: Schedule, evaluations: int
) -> None:
    for sampler in (Ancestral(), Wiener(), Heun()):
        denoiser = Counting(MixtureDenoiser(MIXTURE, Gaussian(schedule)))
        found = states(method, problem(denoiser, sampler, evaluations), sampler, evaluations)
        assert denoiser.count == evaluations == found[-1].evaluations
        assert found[-1].x_t.shape == (3, *SHAPE) and found[-1].x_t.dtype == torch.float32
        assert all(state.x_t.isfinite().all() for state in found)
        assert [state.step for state in found] == list(range(found[0].steps + 1))
        assert all(state.mean.shape == (3, *SHAPE) for state in found)
        assert found[-1].t == 0 and all(0 < state.t <= 1 for state in found[:-1])


@every_schedule
@every_method
def test_the_observation_is_explained_much_better_than_by_chance(
    method: Method, schedule: Schedule
) -> None:
    denoiser, observation = MixtureDenoiser(MIXTURE, Gaussian(schedule)), observed(KNOWN)
    task = problem(denoiser, Ancestral(), 40, range(64), observation)
    x0 = last(method.states(task, Ancestral(), 40))
    u, noise = torch.rand(64, generator=torch.Generator().manual_seed(0)), torch.zeros(64, 4)
    chance = MIXTURE.sample(u, noise).reshape(64, *SHAPE)
    # The observation is no draw from the mixture; even the posterior does not explain it wholly.
    posterior = MIXTURE.posterior(torch.eye(4)[KNOWN_PLACES], observation.values.flatten(), 0.2)
    exact = posterior.sample(u, random_rows(64))
    fit = [observation.misfit(rows.reshape(64, *SHAPE)).mean() for rows in (x0, exact, chance)]
    assert fit[0] < fit[1] + 0.5 * (fit[2] - fit[1])


NONLINEAR = [Clip(level=0.4), FunctionOperator.of(lambda x: torch.exp(x).flatten(1)[:, 1:])]


@pytest.mark.parametrize("schedule", [Linear(), VE()], ids=lambda s: s.kind)
@every_method
@pytest.mark.parametrize("operator", NONLINEAR, ids=lambda operator: operator.kind)
def test_operators_that_are_not_linear_are_explained(
    method: Method, schedule: Schedule, operator: Operator
) -> None:
    x0 = MIXTURE.means[:1].float().reshape(1, *SHAPE)
    observation = Observation(operator, operator.forward(x0), torch.tensor(0.1))
    denoiser = MixtureDenoiser(MIXTURE, Gaussian(schedule))
    task = problem(denoiser, Ancestral(), 20, range(8), observation)
    found = last(method.states(task, Ancestral(), 20))
    chance = MIXTURE.sample(torch.arange(8) / 8, random_rows(8)).float().reshape(8, *SHAPE)
    misfits = [observation.misfit(rows).median() for rows in (found, chance)]
    assert found.isfinite().all() and misfits[0] < 0.5 * misfits[1]


class Small(nn.Module):
    """A network in float32, whose last bits depend on the shape of its batch."""

    def __init__(self, size: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(size + 1, 64), nn.Tanh(), nn.Linear(64, size))

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        inputs = torch.cat([x.flatten(1), level[:, None]], 1)
        return self.layers(inputs).reshape(x.shape)


LARGE = (1, 18, 18)
OPERATORS = [
    pytest.param(Blur(sigma=1.0), (1, 6, 6), id="few-values"),
    pytest.param(Blur(sigma=1.0), LARGE, id="many-values"),
    pytest.param(
        FunctionOperator.of(lambda x: torch.tanh(2 * x[:, :, 0])), (1, 6, 6), id="function"
    ),
]


@every_method
@pytest.mark.parametrize(("operator", "shape"), OPERATORS)
def test_a_sample_has_the_same_bits_in_any_batch(
    method: Method, operator: Operator, shape: tuple[int, ...]
) -> None:
    network = NetworkDenoiser(Small(torch.Size(shape).numel()), Gaussian(Linear()), X0())
    spread = Covariance.measured(torch.randn(9, *shape, generator=torch.Generator().manual_seed(1)))

    def restored(indices: range) -> Tensor:
        task = problem(
            lambda rows: Tiled(network, 4, indices.start * rows),
            Ancestral(),
            3,
            indices,
            observed(operator, shape),
            shape=shape,
            covariance=spread,
        )
        return last(method.states(task, Ancestral(), 3))

    whole = restored(range(5))
    for part in (range(3, 4), range(2, 5)):
        assert torch.equal(restored(part), whole[part.start : part.stop])
    assert len({row.sum().item() for row in whole}) == 5


@every_schedule
@every_method
def test_a_start_with_little_noise_stays_where_it_is(method: Method, schedule: Schedule) -> None:
    point = MIXTURE.means[:1].reshape(1, *SHAPE).float()
    observation = Observation(KNOWN, KNOWN.forward(point), torch.tensor(0.2))
    t = schedule.time(torch.tensor(-2.0, dtype=F64) * torch.tensor(0.02, dtype=F64).log()).item()
    denoiser = MixtureDenoiser(MIXTURE, Gaussian(schedule))
    task = problem(denoiser, Ancestral(), 10, observation=observation, begin=t, start=point)
    found = states(method, task, Ancestral(), 10)
    assert found[0].t == pytest.approx(t, rel=1e-6)
    assert (found[-1].x_t - point).abs().max() < 0.2


@every_method
def test_labels_choose_what_is_restored(method: Method) -> None:
    far = GaussianMixture.build(means=torch.tensor([[2.0] * 4, [-2.0] * 4]), stds=0.2)
    plain = MixtureDenoiser(far, Gaussian(Cosine()))
    guided = Guided(plain, 1.5, {"label": far.classes})
    # What is observed lies in the middle.
    observation = Observation(KNOWN, KNOWN.forward(torch.zeros(1, *SHAPE)), torch.tensor(2.0))
    task = problem(guided, Ancestral(), 30, range(4), observation, cond=Conditions(label=LABELS))
    x0 = last(method.states(task, Ancestral(), 30))
    assert (x0.flatten(1).mean(1).sign() == torch.tensor([1, -1, 1, -1])).all()


@every_method
def test_a_method_is_its_own_spec(method: Method) -> None:
    adapter = TypeAdapter(AnyMethod)
    assert adapter.validate_python(method.model_dump(mode="json")) == method
    assert method.summary and method.rows >= 1
    with pytest.raises(ValidationError):
        adapter.validate_python({"kind": method.kind, "unknown": 1})


@every_method
def test_no_evaluations_are_refused_before_any_is_made(method: Method) -> None:
    denoiser = Counting(MixtureDenoiser(MIXTURE, Gaussian(Linear())))
    task = problem(denoiser, Ancestral(), 1)
    with pytest.raises(SettingError, match="evaluation"):
        next(method.states(task, Ancestral(), 0))
    assert denoiser.count == 0


@every_method
def test_gradients_are_needed_where_the_class_says(method: Method) -> None:
    """A network that cannot be differentiated serves the methods that need no gradients."""

    class Opaque(Counting):
        def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
            return Posterior(super().forward(x_t.detach(), t, **cond).mean.detach())

    denoiser = Opaque(MixtureDenoiser(MIXTURE, Gaussian(Linear())))
    found = method.states(problem(denoiser, Ancestral(), 4), Ancestral(), 4)
    if method.needs_gradients:
        with pytest.raises(RuntimeError, match="grad"):
            last(found)
    else:
        assert last(found).isfinite().all()


def test_an_unknown_method_gets_a_suggestion() -> None:
    with pytest.raises(SettingError, match="split-gibbs"):
        METHODS.find("split-gibs")
