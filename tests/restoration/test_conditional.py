"""Draws of clean data near a centre, given an observation, against the exact distribution."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sfumato.oracle import GaussianMixture
from sfumato.process.schedule import VE, Linear
from sfumato.restoration.conditional import LARGEST_LEVEL, Conditional, noise_level
from sfumato.restoration.observation import Observation
from sfumato.restoration.operator import FunctionOperator, LinearFunction
from sfumato.restoration.problem import Tiling
from sfumato.sampling import ParticleNoise

F64 = torch.float64
ROWS = 1500


def drawn(observation: Observation, centre: Tensor, std: float, steps: int = 0) -> Tensor:
    conditional = Conditional(observation, Tiling(ROWS), steps)
    noise = ParticleNoise(0, range(ROWS), 1, dtype=F64)
    return conditional.draw(centre.expand(ROWS, -1), std, noise, 3)


@pytest.mark.parametrize("std", [0.05, 0.7, 30.0])
def test_draws_through_a_linear_operator_have_the_exact_moments(std: float) -> None:
    centre = torch.tensor([[1.0, -0.5, 0.2]], dtype=F64)
    matrix = torch.tensor([[1.0, 0.3, 0.0], [0.2, -1.0, 0.5]], dtype=F64)
    y, s = torch.tensor([[0.1, 0.9]], dtype=F64), 0.2
    observation = Observation(LinearFunction.of(lambda x: x @ matrix.T), y, torch.tensor(s))
    exact = GaussianMixture.build(centre, stds=std).posterior(matrix, y[0], s)
    x0 = drawn(observation, centre, std)
    spread = exact.covariances[0].diagonal().sqrt()
    assert ((x0.mean(0) - exact.means[0]) / spread).abs().max() < 4 / ROWS**0.5
    whitened = torch.linalg.solve(torch.linalg.cholesky(exact.covariances[0]), (x0 - x0.mean(0)).T)
    torch.testing.assert_close(torch.cov(whitened), torch.eye(3, dtype=F64), rtol=0, atol=0.1)


@pytest.mark.parametrize("function", [lambda x: x.pow(3), lambda x: torch.exp(2 * x) / 4])
def test_a_chain_corrects_draws_through_an_operator_that_is_not_linear(
    function: Callable[[Tensor], Tensor],
) -> None:
    """Cumulative shares against a sum over a fine grid; without the chain they are wrong."""
    centre, std, y, s = 0.6, 0.5, 0.5, 0.15
    operator = FunctionOperator.of(function)
    observation = Observation(operator, torch.tensor([[y]], dtype=F64), torch.tensor(s))
    x = torch.linspace(-4, 4, 8001, dtype=F64)
    log_density = -0.5 * ((x - centre) / std) ** 2 - 0.5 * ((y - function(x)) / s) ** 2
    share = log_density.softmax(0).cumsum(0)
    errors = []
    for steps in (0, 40):
        x0 = drawn(observation, torch.tensor([[centre]], dtype=F64), std, steps)
        found = (x0 <= x[1000:7000:100]).double().mean(0)
        errors.append((found - share[1000:7000:100]).abs().max().item())
    assert errors[1] < 0.05 < 0.1 < errors[0]


def test_a_state_without_signal_has_the_largest_level() -> None:
    one, half = torch.tensor(1.0, dtype=F64), torch.tensor(0.5, dtype=F64)
    assert noise_level(Linear(), one) == LARGEST_LEVEL
    assert noise_level(Linear(), half) == pytest.approx(1)
    assert noise_level(VE(), one) == pytest.approx(80)
