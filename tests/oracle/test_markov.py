"""Markov chains and hidden Markov models against the enumeration of all sequences and states."""

import math

import pytest
import torch

from sfumato.errors import SettingError
from sfumato.oracle import HiddenMarkovModel, MarkovChain
from tests.oracle import enumeration

F64 = torch.float64
V = 3
CHAINS = {
    "order 1": MarkovChain.random(V, 5, seed=4),
    "order 2": MarkovChain.random(V, 5, seed=4, order=2),
    "order 3": MarkovChain.random(V, 5, seed=4, order=3),
    "order 5": MarkovChain.random(V, 5, seed=4, order=5),
    "one token": MarkovChain.random(V, 1, seed=4),
}
every_chain = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)


@every_chain
def test_entropy_and_log_probability_are_those_of_enumeration(chain):
    texts, p = enumeration.every(V, chain.length), enumeration.law(chain)
    torch.testing.assert_close(chain.log_probability(texts).exp(), p, rtol=1e-12, atol=1e-15)
    assert math.isclose(p.sum().item(), 1.0, rel_tol=1e-12)
    assert math.isclose(chain.entropy(), -(p * p.log()).sum().item(), rel_tol=1e-12)


@every_chain
def test_reading_evidence_weighs_texts(chain):
    source = torch.Generator().manual_seed(0)
    evidence = torch.rand(1, chain.length, V, dtype=F64, generator=source)
    got, weights = (
        chain.posterior(evidence),
        enumeration.weighed(enumeration.law(chain), evidence[0]),
    )
    torch.testing.assert_close(got.log_likelihood[0], weights.sum().log())
    torch.testing.assert_close(got.marginals[0], enumeration.marginals(weights, V, chain.length))


def test_an_order_that_is_not_used_changes_nothing():
    """The rows of order 2 do not heed the token before the last."""
    plain = MarkovChain.random(V, 6, seed=0)
    pairs = plain.initial[:, None] * plain.transition
    higher = MarkovChain(pairs, plain.transition.expand(V, V, V), 6)
    source = torch.Generator().manual_seed(1)
    uniforms = torch.rand(50, 6, dtype=F64, generator=source)
    evidence = torch.rand(50, 6, V, dtype=F64, generator=source)
    assert torch.equal(higher.sample(uniforms), plain.sample(uniforms))
    assert higher.entropy() == pytest.approx(plain.entropy(), rel=1e-14)
    torch.testing.assert_close(
        higher.posterior(evidence).marginals, plain.posterior(evidence).marginals
    )


def test_certain_chains_have_no_entropy():
    chain = MarkovChain(torch.tensor([1.0, 0.0], dtype=F64), torch.eye(2, dtype=F64), 4)
    assert chain.entropy() == 0
    assert chain.log_probability(torch.tensor([[0, 0, 0, 0], [0, 1, 1, 1]])).tolist() == [
        0.0,
        -math.inf,
    ]


def test_samples_are_inverse_distribution_functions_one_after_another():
    chain = MarkovChain(
        torch.tensor([0.25, 0.75], dtype=F64),
        torch.tensor([[0.5, 0.5], [0.0, 1.0]], dtype=F64),
        2,
    )
    n = 16
    u = (torch.arange(n, dtype=F64) + 0.5) / n
    drawn = chain.sample(torch.cartesian_prod(u, u))
    counts = torch.bincount(drawn[:, 0] * 2 + drawn[:, 1], minlength=4)
    assert (counts / n**2).tolist() == [0.125, 0.125, 0.0, 0.75]


def test_samples_of_higher_order_have_the_law():
    """Chances are eighths, so a grid of uniforms finds each text exactly as often as it should."""
    rows = torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0], [0.125, 0.875]], dtype=F64)
    pairs = torch.tensor([[0.125, 0.375], [0.5, 0.0]], dtype=F64)
    chain = MarkovChain(pairs, rows.reshape(2, 2, 2), 4)
    u = (torch.arange(8, dtype=F64) + 0.5) / 8
    drawn = chain.sample(torch.cartesian_prod(u, u, u, u))
    number = (drawn * 2 ** torch.arange(3, -1, -1)).sum(1)
    shares = torch.bincount(number, minlength=16).double() / 8**4
    torch.testing.assert_close(shares, enumeration.law(chain), rtol=0, atol=1e-15)


def test_random_chains_are_functions_of_their_seed():
    same, again, other = (MarkovChain.random(5, 7, seed) for seed in (1, 1, 2))
    assert torch.equal(same.transition, again.transition)
    assert not torch.equal(same.transition, other.transition)
    for order in (1, 2):
        sure, loose = (
            MarkovChain.random(5, 50, 1, c, order=order).entropy() for c in (0.01, 100.0)
        )
        assert sure < 0.2 * loose < 0.2 * 50 * math.log(5)


HALF = torch.full((2,), 0.5, dtype=F64)


@pytest.mark.parametrize(
    ("initial", "transition", "length"),
    [
        (HALF, torch.eye(3, dtype=F64), 4),
        (HALF[None], torch.eye(2, dtype=F64), 4),
        (HALF, torch.eye(2, dtype=F64).expand(2, 2, 2), 4),
        (torch.ones((), dtype=F64), HALF, 4),
        (HALF, torch.eye(2, dtype=F64), 0),
        (torch.eye(2, dtype=F64) / 2, torch.eye(2, dtype=F64).expand(2, 2, 2), 1),
        (torch.eye(2, dtype=F64), torch.eye(2, dtype=F64).expand(2, 2, 2), 4),
        (HALF, 2 * torch.eye(2, dtype=F64), 4),
        (HALF, torch.tensor([[1.5, -0.5], [0.0, 1.0]], dtype=F64), 4),
        (HALF, torch.full((2, 2), math.nan, dtype=F64), 4),
        (HALF.float(), torch.eye(2, dtype=F64), 4),
    ],
    ids=[
        "sizes", "rank", "order", "order 0", "length", "length of order 2", "sum of order 2",
        "sum", "sign", "nan", "precision",
    ],
)  # fmt: skip
def test_what_is_no_chain_is_refused(initial, transition, length):
    with pytest.raises(SettingError, match="Markov chain"):
        MarkovChain(initial, transition, length)


@pytest.mark.parametrize(
    ("size", "concentration", "order"), [(0, 1.0, 1), (3, 0.0, 1), (3, math.nan, 1), (3, 1.0, 0)]
)
def test_what_is_no_random_chain_is_refused(size, concentration, order):
    with pytest.raises(SettingError, match="concentration"):
        MarkovChain.random(size, 4, 0, concentration, order)


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
    got, weights = (
        model.posterior(evidence),
        enumeration.weighed(enumeration.law(model), evidence[0]),
    )
    torch.testing.assert_close(got.log_likelihood[0], weights.sum().log())
    torch.testing.assert_close(got.marginals[0], enumeration.marginals(weights, 3, 4))


def test_states_that_show_themselves_are_a_markov_chain():
    chain = MarkovChain.random(3, 6, seed=0)
    shown = HiddenMarkovModel(chain, torch.eye(3, dtype=F64))
    evidence = torch.rand(5, 6, 3, dtype=F64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        shown.posterior(evidence).marginals, chain.posterior(evidence).marginals
    )
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
    assert torch.equal(model.posterior(seen).marginals, seen)


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
