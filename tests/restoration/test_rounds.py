"""Methods in rounds: split Gibbs approaches the posterior; DAPS does what it promises."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from sfumato.oracle import GaussianMixture, MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import VE, Linear, Schedule
from sfumato.restoration.covariance import Covariance
from sfumato.restoration.daps import DAPS
from sfumato.restoration.method import Method
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import FunctionOperator, LinearFunction
from sfumato.restoration.problem import Problem
from sfumato.restoration.rounds import costs_of_rounds
from sfumato.restoration.split_gibbs import SplitGibbs
from sfumato.sampling import Ancestral, State

F64 = torch.float64
ROWS = 500
MATRIX = torch.tensor([[1.0, 0.4]], dtype=F64)
NOISE = 0.3
Y = torch.tensor([[0.8]], dtype=F64)
DATA = GaussianMixture.build(
    torch.tensor([[0.3, -0.4]]), covariances=torch.tensor([[[1.0, 0.5], [0.5, 0.7]]])
)


def restored(
    method: Method,
    evaluations: int,
    schedule: Schedule,
    data: GaussianMixture = DATA,
    observation: Observation | None = None,
) -> list[State]:
    linear = Observation(LinearFunction.of(lambda x: x @ MATRIX.T), Y, torch.tensor(NOISE))
    denoiser = MixtureDenoiser(data, Gaussian(schedule))
    size = data.means.shape[1]
    problem = Problem(
        denoiser=lambda _: denoiser,
        observation=observation or linear,
        covariance=Covariance.isotropic((size,), 1.0),
        indices=range(ROWS),
        seed=1,
        shape=(size,),
        times=Ancestral().grid.times(evaluations, schedule, size),
        dtype=F64,
    )
    return list(method.states(problem, Ancestral(), evaluations))


def errors(x0: Tensor) -> tuple[float, float]:
    """The distance of the means in standard deviations, and of the covariances, relative."""
    exact = DATA.posterior(MATRIX, Y[0], NOISE)
    root = torch.linalg.cholesky(exact.covariances[0])
    whitened = torch.linalg.solve(root, (x0 - exact.means[0]).T)
    return (
        whitened.mean(1).abs().max().item(),
        (torch.cov(whitened) - torch.eye(2)).abs().max().item(),
    )


@pytest.mark.parametrize("schedule", [Linear(), VE()], ids=lambda s: s.kind)
def test_split_gibbs_approaches_the_posterior_as_the_coupling_falls(schedule: Schedule) -> None:
    loose = SplitGibbs(coupling=1.0, inner=8)
    tight = SplitGibbs(coupling=0.1, inner=8)
    far = errors(restored(loose, 16 * 8, schedule)[-1].x_t)
    near = errors(restored(tight, 16 * 8, schedule)[-1].x_t)
    assert max(near) < 0.25 < 0.5 < max(far)


def test_split_gibbs_takes_a_likelihood_that_is_not_normal_in_the_data() -> None:
    """The square of the data is observed: two values, with the shares that the data give them."""
    data = GaussianMixture.build(torch.tensor([[0.3]]), stds=1.0)
    square = FunctionOperator.of(lambda x: x.square())
    observation = Observation(square, torch.tensor([[1.0]], dtype=F64), torch.tensor(0.4))
    method = SplitGibbs(coupling=0.2, inner=5, chain=6)
    x0 = restored(method, 20 * 5, Linear(), data, observation)[-1].x_t[:, 0]
    x = torch.linspace(-4, 4, 8001, dtype=F64)
    log_density = -0.5 * (x - 0.3) ** 2 - 0.5 * ((1 - x.square()) / 0.4) ** 2
    weights = log_density.softmax(0)
    for power in (0, 1, 2):
        exact = (weights * x.abs() ** power * (x > 0)).sum().item()
        assert (x0.abs() ** power * (x0 > 0)).mean().item() == pytest.approx(exact, abs=0.1)


def test_daps_explains_the_observation_and_is_near_the_mean() -> None:
    """With one deviation for all directions it is exact in no case."""
    x0 = restored(DAPS(), 100, Linear())[-1].x_t
    residual = ((Y - x0 @ MATRIX.T) / NOISE).square().mean()
    exact = DATA.posterior(MATRIX, Y[0], NOISE).sample(
        torch.rand(ROWS), torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(0))
    )
    assert residual == pytest.approx(((Y - exact @ MATRIX.T) / NOISE).square().mean(), rel=0.25)
    assert (x0 - exact).mean(0).norm() < 0.15


@pytest.mark.parametrize("method", [SplitGibbs(), DAPS()], ids=lambda m: m.kind)
def test_rounds_start_from_falling_noise_levels(method: Method) -> None:
    found = restored(method, 57, Linear())
    assert len(found) == 12 and found[-1].evaluations == 57
    assert all(a.t >= b.t for a, b in pairwise(found))
    assert [b.evaluations - a.evaluations for a, b in pairwise(found)] == costs_of_rounds(57, 5)


def test_evaluations_are_divided_into_rounds() -> None:
    assert costs_of_rounds(3, 5) == [3]
    assert costs_of_rounds(57, 5) == [6, 6, *[5] * 9]
    assert costs_of_rounds(10, 5) == [5, 5]


@pytest.mark.parametrize(
    "spec",
    [(SplitGibbs, {"largest": 0.1, "coupling": 0.2}), (DAPS, {"largest": 0.1, "smallest": 0.2})],
)
def test_levels_that_rise_are_refused(spec: tuple[type[Method], dict[str, float]]) -> None:
    kind, settings = spec
    with pytest.raises(ValidationError, match="cannot be above largest"):
        kind(**settings)
