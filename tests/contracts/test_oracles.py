"""Every oracle is a denoiser like any other: samplers, guidance and bounds run on it.

And because the truth is known, what they make of it is held to the truth.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sfumato.denoiser import TokenDenoiser
from sfumato.guidance import Guided
from sfumato.likelihood import order_likelihood, token_bound
from sfumato.oracle import (
    GaussianMixture,
    HiddenMarkovModel,
    MarkovChain,
    MixtureDenoiser,
    SequenceDenoiser,
    SequenceDistribution,
    SequenceMixture,
)
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.gaussian import Gaussian
from sfumato.process.keep import LinearKeep
from sfumato.process.schedule import VP, Linear
from sfumato.sampling import Adams, KeyedNoise, KeyedUniform, sample
from sfumato.sampling.tokens import TOKEN_SAMPLERS, Bridge, Dyadic
from tests.oracle import enumeration

F64 = torch.float64
V, L = 2, 4
SEQUENCES: dict[str, SequenceDistribution] = {
    "order 1": MarkovChain.random(V, L, seed=1),
    "order 2": MarkovChain.random(V, L, seed=2, order=2),
    "order 3": MarkovChain.random(V, L, seed=3, order=3),
    "hidden": HiddenMarkovModel.random(3, V, L, seed=11, concentration=0.3),
    "mixture": SequenceMixture.build(
        [MarkovChain.random(V, L, seed=5), HiddenMarkovModel.random(2, V, L, seed=6)]
    ),
}
LAWS = {name: enumeration.law(distribution) for name, distribution in SEQUENCES.items()}
every_sequence = pytest.mark.parametrize("name", SEQUENCES)
every_process = pytest.mark.parametrize("process", [Masking, Uniform], ids=lambda p: p.__name__)


class Exact(TokenDenoiser):
    """An oracle where a network is expected."""

    def __init__(self, distribution: SequenceDistribution, process: CategoricalProcess) -> None:
        super().__init__(nn.Identity(), process)
        self.oracle = SequenceDenoiser(distribution, process)

    def predict(self, x_t: Tensor, t: Tensor, **cond: Any) -> Tensor:
        return self.oracle(x_t, t, **cond).logits.float()


def draws(distribution: SequenceDistribution, rows: int, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return distribution.sample(torch.rand(rows, distribution.draws, dtype=F64, generator=source))


@every_sequence
@pytest.mark.parametrize("kind", TOKEN_SAMPLERS)
def test_every_sampler_of_tokens_draws_texts_that_can_be(name, kind):
    distribution = SEQUENCES[name]
    denoiser = SequenceDenoiser(distribution, Masking(LinearKeep(), V))
    x0 = sample(denoiser, TOKEN_SAMPLERS[kind](), KeyedUniform(0, range(16)), (L,), 5)
    assert x0.shape == (16, L) and x0.min() >= 0 and x0.max() < V
    assert distribution.log_probability(x0).isfinite().all()
    again = sample(denoiser, TOKEN_SAMPLERS[kind](), KeyedUniform(0, range(8, 16)), (L,), 5)
    assert torch.equal(again, x0[8:])


def number(x0: Tensor) -> Tensor:
    """The number of each text in the order of all texts."""
    return (x0 * V ** torch.arange(L - 1, -1, -1)).sum(1)


def chi_squared(x0: Tensor, p: Tensor) -> float:
    counts = number(x0).bincount(minlength=V**L)
    expected = p * len(x0)
    return ((counts - expected).square() / expected).sum().item()


# Below this 15 degrees of freedom stay with a probability of 99.99 %.
MOST_CHI_SQUARED = 44.3


@every_sequence
def test_one_place_at_a_time_is_exact(name):
    """By the chain rule, whatever the order of places; ``dyadic`` has a call for each of them."""
    denoiser = SequenceDenoiser(SEQUENCES[name], Masking(LinearKeep(), V))
    x0 = sample(denoiser, Dyadic(), KeyedUniform(1, range(4000)), (L,), L)
    assert chi_squared(x0, LAWS[name]) < MOST_CHI_SQUARED
    assert chi_squared(draws(SEQUENCES[name], 4000), LAWS[name]) < MOST_CHI_SQUARED


@pytest.mark.parametrize("name", ["order 2", "hidden"])
def test_short_steps_of_a_uniform_process_come_near_the_law(name):
    """Of 1,000 texts, whose chance alone is about 0.03 in total variation."""
    denoiser = SequenceDenoiser(SEQUENCES[name], Uniform(LinearKeep(), V))

    def distance(evaluations: int) -> float:
        x0 = sample(denoiser, Bridge(), KeyedUniform(2, range(1000)), (L,), evaluations)
        return 0.5 * (number(x0).bincount(minlength=V**L) / 1000 - LAWS[name]).abs().sum().item()

    assert distance(1) > 0.2
    assert distance(20) < 0.08


def test_a_label_draws_from_its_class():
    mixture = SEQUENCES["mixture"]
    denoiser = SequenceDenoiser(mixture, Masking(LinearKeep(), V))
    for label in (0, 1):
        cond = {"label": torch.full((4000,), label)}
        x0 = sample(denoiser, Dyadic(), KeyedUniform(3, range(4000)), (L,), L, cond)
        texts = enumeration.every(V, L)
        p = mixture.log_probability(texts, torch.full((len(texts),), label)).exp()
        assert chi_squared(x0, p) < MOST_CHI_SQUARED
        guided = Guided(denoiser, 3.0, null={"label": 2})
        far = sample(guided, Dyadic(), KeyedUniform(3, range(500)), (L,), L,
                     {"label": cond["label"][:500]})  # fmt: skip

        def belief(tokens: Tensor, label: int = label) -> float:
            own = mixture.log_probability(tokens, torch.full((len(tokens),), label))
            return (own - mixture.log_probability(tokens)).mean().item()

        assert belief(far) > belief(x0[:500])


@every_sequence
@every_process
def test_the_bound_is_the_entropy(name, process):
    """Within 3.3 standard errors over texts, which chance exceeds once in 1000."""
    x0 = draws(SEQUENCES[name], 1500, seed=1)
    counted = torch.ones_like(x0, dtype=torch.bool)
    denoiser = Exact(SEQUENCES[name], process(LinearKeep(), V))
    nats = token_bound(denoiser, x0, counted, draws=8, seed=0)
    entropy = torch.special.entr(LAWS[name]).sum()
    assert abs(nats.mean() - entropy) < 3.3 * nats.std() / math.sqrt(1500)


@pytest.mark.parametrize(("name", "wrong"), [("order 2", "order 1"), ("hidden", "order 3")])
@every_process
def test_the_bound_of_another_law_is_far_above_the_entropy(name, wrong, process):
    x0 = draws(SEQUENCES[name], 1500, seed=1)
    counted = torch.ones_like(x0, dtype=torch.bool)
    denoiser = Exact(SEQUENCES[wrong], process(LinearKeep(), V))
    nats = token_bound(denoiser, x0, counted, draws=8, seed=0)
    cross = -(LAWS[name] * LAWS[wrong].log()).sum()
    assert cross > torch.special.entr(LAWS[name]).sum() + 0.2
    assert nats.mean() > cross - 3.3 * nats.std() / math.sqrt(1500)


@every_sequence
def test_every_order_of_revealing_tells_the_likelihood(name):
    distribution = SEQUENCES[name]
    denoiser = SequenceDenoiser(distribution, Masking(LinearKeep(), V))
    (x0,) = draws(distribution, 1)
    nats = order_likelihood(denoiser, x0, torch.ones(L, dtype=torch.bool), orders=3, seed=0)
    assert L * nats.item() == pytest.approx(distribution.log_probability(x0[None]).item())


@pytest.mark.parametrize("schedule", [Linear(), VP()], ids=lambda s: s.kind)
def test_samplers_of_numbers_draw_what_was_observed(schedule):
    """A mixture of 64 dimensions, three of which are known without noise."""
    source = torch.Generator().manual_seed(0)
    roots = torch.randn(4, 64, 64, generator=source, dtype=F64) / 8
    prior = GaussianMixture.build(torch.randn(4, 64, generator=source), roots @ roots.mT)
    operator = torch.randn(3, 64, generator=source, dtype=F64)
    y = torch.tensor([1.0, -1.0, 0.5], dtype=F64)
    denoiser = MixtureDenoiser(prior.posterior(operator, y, 0.0), Gaussian(schedule))
    x0 = sample(denoiser, Adams(), KeyedNoise(0, range(32), dtype=F64), (64,), 12)
    assert (x0 @ operator.T - y).abs().max() < 1e-9
    assert x0.std(0).min() > 0.1


def test_classes_that_were_observed_can_be_guided_to():
    pair = GaussianMixture.build(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), stds=0.3)
    seen = pair.posterior(torch.tensor([[0.0, 1.0]]), torch.tensor([0.4]), 0.1)
    guided = Guided(MixtureDenoiser(seen, Gaussian(Linear())), 2.0, null={"label": seen.classes})
    cond = {"label": torch.arange(64) % 2}
    x0 = sample(guided, Adams(), KeyedNoise(0, range(64), dtype=F64), (2,), 12, cond)
    assert torch.equal(x0[:, 0] > 0, cond["label"] == 1)
    # The observation alone gives 0.36 and a deviation of 0.0949.
    assert x0[:, 1].mean().item() == pytest.approx(0.36, abs=5 * 0.0949 / 8)
