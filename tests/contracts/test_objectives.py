"""What every objective must do, over both registries; an objective that is added is tested here."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.objective import (
    OBJECTIVES,
    TOKEN_OBJECTIVES,
    AnyObjective,
    AnyTokenObjective,
    MinSNR,
    Objective,
    Regression,
    SigmoidWeighting,
    TokenObjective,
)
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.gaussian import Gaussian
from sfumato.process.keep import LinearKeep
from sfumato.process.prediction import EDM
from sfumato.process.schedule import Linear

F64 = torch.float64
SIZE = 5
NUMBERS: list[Objective] = [
    *(kind() for kind in OBJECTIVES.values()),
    Regression(MinSNR()),
    Regression(SigmoidWeighting(bias=1.0)),
]
TOKENS: list[TokenObjective] = [kind() for kind in TOKEN_OBJECTIVES.values()]
PROCESSES: list[CategoricalProcess] = [Masking(LinearKeep(), SIZE), Uniform(LinearKeep(), SIZE)]
T = torch.tensor([0.1, 0.4, 0.7, 0.95], dtype=F64)
LABEL = torch.tensor([0, 1, 2, 1])
every_objective = pytest.mark.parametrize("objective", NUMBERS, ids=repr)
every_token_objective = pytest.mark.parametrize("objective", TOKENS, ids=repr)
every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)


class Backbone(nn.Module):
    """A little network of numbers or of tokens that reads its condition."""

    def __init__(self, states: int | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.inward = nn.Linear(3, 8) if states is None else nn.Embedding(states, 8)
            self.label = nn.Embedding(3, 8)
            self.outward = nn.Linear(8, 3 if states is None else SIZE)

    def forward(self, x: Tensor, level: Tensor, label: Tensor) -> Tensor:
        shift = level[:, None] + self.label(label)
        y: Tensor = self.outward(
            self.inward(x) + (shift if x.is_floating_point() else shift[:, None])
        )
        return y


def source() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@every_objective
def test_a_loss_of_numbers_is_that_of_its_own_sample(objective: Objective) -> None:
    denoiser = NetworkDenoiser(Backbone(), Gaussian(Linear()), EDM())
    x0, noise = torch.randn(2, 4, 3, generator=source())
    losses = objective(denoiser, x0, T, noise, label=LABEL)
    assert losses.shape == (4,) and losses.isfinite().all()
    for k in range(4):
        row = slice(k, k + 1)
        alone = objective(denoiser, x0[row], T[row], noise[row], label=LABEL[row])
        torch.testing.assert_close(alone, losses[row])
    losses.mean().backward()
    gradients = [parameter.grad for parameter in denoiser.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


@every_token_objective
@every_process
def test_a_loss_of_tokens_is_that_of_its_own_sample(
    objective: TokenObjective, process: CategoricalProcess
) -> None:
    denoiser = TokenDenoiser(Backbone(process.states), process)
    x0 = torch.randint(SIZE, (4, 6), generator=source())
    noise = torch.rand(4, 6, generator=source(), dtype=F64)
    counted = torch.arange(6) < torch.tensor([6, 1, 3, 4])[:, None]
    losses = objective(denoiser, x0, T, noise, counted, label=LABEL)
    assert losses.shape == (4,) and losses.isfinite().all()
    for k in range(4):
        row = slice(k, k + 1)
        alone = objective(denoiser, x0[row], T[row], noise[row], counted[row], label=LABEL[row])
        torch.testing.assert_close(alone, losses[row])
    every = torch.ones_like(counted)
    torch.testing.assert_close(
        objective(denoiser, x0, T, noise, label=LABEL),
        objective(denoiser, x0, T, noise, every, label=LABEL),
    )
    losses.mean().backward()
    gradients = [parameter.grad for parameter in denoiser.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


@every_objective
def test_numbers_spec_round_trip(objective: Objective) -> None:
    assert TypeAdapter(AnyObjective).validate_json(objective.model_dump_json()) == objective


@every_token_objective
def test_tokens_spec_round_trip(objective: TokenObjective) -> None:
    assert TypeAdapter(AnyTokenObjective).validate_json(objective.model_dump_json()) == objective


@pytest.mark.parametrize("objective", [*NUMBERS, *TOKENS], ids=repr)
def test_it_has_a_summary(objective: Objective) -> None:
    assert 10 < len(objective.summary) < 80
    assert objective.for_tokens == isinstance(objective, TokenObjective)
