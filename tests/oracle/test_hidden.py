"""Hidden Markov models against the enumeration of all states and all tokens."""

import math

import pytest
import torch

from sfumato.errors import SettingError
from sfumato.oracle import HiddenMarkovModel, MarkovChain
from tests.oracle import enumeration

F64 = torch.float64
MODEL = HiddenMarkovModel.random(states=2, size=3, length=4, seed=3)
OF_ORDER_2 = HiddenMarkovModel(MarkovChain.random(2, 4, seed=5, order=2), MODEL.emission)
both_models = pytest.mark.parametrize("model", [MODEL, OF_ORDER_2], ids=["order 1", "order 2"])


@both_models
def test_log_probability_is_that_of_enumeration(model):
    p = model.log_probability(enumeration.every(3, 4)).exp()
    torch.testing.assert_close(p, enumeration.law(model), rtol=1e-12, atol=1e-15)
    assert p.sum().item() == pytest.approx(1, rel=1e-12)


@both_models
def test_the_reading_of_evidence_is_that_of_enumeration(model):
    evidence = torch.rand(1, 4, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    got, weights = model.read(evidence), enumeration.weighed(enumeration.law(model), evidence[0])
    torch.testing.assert_close(got.log_likelihood[0], weights.sum().log())
    torch.testing.assert_close(got.posterior[0], enumeration.marginals(weights, 3, 4))


def test_states_that_show_themselves_are_a_markov_chain():
    chain = MarkovChain.random(3, 6, seed=0)
    shown = HiddenMarkovModel(chain, torch.eye(3, dtype=F64))
    evidence = torch.rand(5, 6, 3, dtype=F64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(shown.read(evidence).posterior, chain.read(evidence).posterior)
    uniforms = torch.rand(5, 12, dtype=F64, generator=torch.Generator().manual_seed(2))
    tokens = chain.sample(uniforms[:, :6])
    assert torch.equal(shown.sample(uniforms), tokens)
    torch.testing.assert_close(shown.log_probability(tokens), chain.log_probability(tokens))


def test_samples_have_the_law():
    """A grid of uniforms puts each text into a box whose volume is its probability."""
    model = HiddenMarkovModel(
        MarkovChain(torch.tensor([0.25, 0.75], dtype=F64), torch.eye(2, dtype=F64), 2),
        torch.tensor([[0.5, 0.5], [0.0, 1.0]], dtype=F64),
    )
    u = (torch.arange(8, dtype=F64) + 0.5) / 8
    drawn = model.sample(torch.cartesian_prod(u, u, u, u))
    counts = torch.bincount(drawn[:, 0] * 2 + drawn[:, 1], minlength=4)
    torch.testing.assert_close(counts / 8**4, enumeration.law(model).float())


def test_tokens_that_no_state_gives_off_have_no_probability():
    emission = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], dtype=F64)
    model = HiddenMarkovModel(MODEL.hidden, emission)
    assert model.log_probability(torch.tensor([[0, 1, 2, 0]])).item() == -math.inf
    seen = torch.nn.functional.one_hot(torch.tensor([[0, 1, 2, 0]])).double()
    assert torch.equal(model.read(seen).posterior, seen)


def test_random_models_are_functions_of_their_seed():
    again = HiddenMarkovModel.random(states=2, size=3, length=4, seed=3)
    other = HiddenMarkovModel.random(states=2, size=3, length=4, seed=4)
    assert torch.equal(MODEL.emission, again.emission)
    assert torch.equal(MODEL.hidden.transition, again.hidden.transition)
    assert not torch.equal(MODEL.emission, other.emission)


def test_what_is_no_hidden_markov_model_is_refused():
    with pytest.raises(SettingError, match="fit together"):
        HiddenMarkovModel(MODEL.hidden, torch.eye(3, dtype=F64))
    with pytest.raises(SettingError, match="emission"):
        HiddenMarkovModel(MODEL.hidden, 2 * torch.eye(2, dtype=F64))
    for states, size in ((0, 3), (2, 0)):
        with pytest.raises(SettingError):
            HiddenMarkovModel.random(states, size, 4, 0)
