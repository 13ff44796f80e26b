"""The Markov chain against the enumeration of all its sequences."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.errors import SettingError
from sfumato.oracle import MarkovChain, SequenceDenoiser
from sfumato.process.categorical import Masking, Uniform
from sfumato.process.keep import CosineKeep, LinearKeep

F64 = torch.float64
V, L = 3, 5
CHAIN = MarkovChain.random(V, L, seed=4)
ALL = torch.tensor(list(itertools.product(range(V), repeat=L)))
MASKING, UNIFORM = Masking(LinearKeep(), V), Uniform(CosineKeep(), V)
both_processes = pytest.mark.parametrize("process", [MASKING, UNIFORM], ids=["masking", "uniform"])


def probabilities(chain: MarkovChain) -> torch.Tensor:
    """``p(x)`` of all sequences, multiplied out one token at a time; shape (V^L,)."""
    p = chain.initial[ALL[:, 0]]
    for i in range(1, L):
        p = p * chain.transition[ALL[:, i - 1], ALL[:, i]]
    return p


def marginals(weights: torch.Tensor) -> torch.Tensor:
    """Share of the weight of all sequences that holds token v at place i, shape (L, V)."""
    rows = [[weights[ALL[:, i] == v].sum() for v in range(V)] for i in range(L)]
    return torch.tensor(rows, dtype=F64) / weights.sum()


def likelihood(process, seen: int, clean: int, keep: float) -> float:
    """``q(x_t = seen | x0 = clean)`` of one token."""
    if isinstance(process, Masking):
        return 1 - keep if seen == V else keep * (seen == clean)
    return keep * (seen == clean) + (1 - keep) / V


def enumerated(process, x_t: list[int], t: float) -> torch.Tensor:
    """``p(x0_i | x_t)`` by weighing every sequence, shape (L, V)."""
    keep = process.keep.keep(torch.tensor(t, dtype=F64)).item()
    weights = probabilities(CHAIN)
    for i, seen in enumerate(x_t):
        of_token = [likelihood(process, seen, clean, keep) for clean in range(V)]
        weights = weights * torch.tensor(of_token, dtype=F64)[ALL[:, i]]
    return marginals(weights)


@both_processes
@given(data=st.data(), t=st.just(1.0) | st.floats(0.01, 1.0))
@settings(deadline=None, max_examples=25, derandomize=True)
def test_posterior_is_that_of_enumeration(process, data, t):
    tokens = st.integers(0, process.states - 1)
    # At t = 1 under masking only masks can be seen.
    if t == 1.0 and process is MASKING:
        tokens = st.just(V)
    x_t = data.draw(st.lists(tokens, min_size=L, max_size=L))
    logits = SequenceDenoiser(CHAIN, process)(torch.tensor([x_t]), torch.tensor(t, dtype=F64)).logits
    assert logits.shape == (1, L, V) and logits.dtype == F64
    want = enumerated(process, x_t, t)
    torch.testing.assert_close(logits[0].exp(), want, rtol=1e-12, atol=1e-12)


@both_processes
def test_without_signal_the_posterior_is_the_marginal(process):
    x_1 = process.prior(torch.rand(2, L, dtype=F64, generator=torch.Generator().manual_seed(0)))
    got = SequenceDenoiser(CHAIN, process)(x_1, torch.ones((), dtype=F64)).logits.exp()
    want = marginals(probabilities(CHAIN))
    torch.testing.assert_close(got, want.expand(2, L, V), rtol=1e-12, atol=1e-12)


@both_processes
def test_each_row_and_each_time_of_a_batch_is_its_own(process):
    denoiser = SequenceDenoiser(CHAIN, process)
    noise = torch.rand(2, L, dtype=F64, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([0.3, 0.9], dtype=F64)
    x_t = process.corrupt(CHAIN.sample(noise), t, noise.flip(1))
    whole = denoiser(x_t, t).logits
    for k in range(2):
        torch.testing.assert_close(whole[k : k + 1], denoiser(x_t[k : k + 1], t[k]).logits)


def test_seen_tokens_are_certain_and_logits_stay_finite():
    x_t = torch.tensor([[0, V, 2, V, V]])
    logits = SequenceDenoiser(CHAIN, MASKING)(x_t, torch.tensor(0.5, dtype=F64)).logits
    assert logits[0, 0].tolist() == [0.0, -1e9, -1e9]
    assert logits[0, 2].tolist() == [-1e9, -1e9, 0.0]
    assert torch.isfinite(logits).all()


def test_a_state_that_the_chain_rules_out_still_has_an_answer():
    """0 -> 1 -> 2 -> 0 for certain; the state claims two 0s in a row."""
    circle = torch.eye(3, dtype=F64)[[1, 2, 0]]
    chain = MarkovChain(torch.tensor([1.0, 0.0, 0.0], dtype=F64), circle, 5)
    x_t = torch.tensor([[0, 0, V, V, V], [V, V, 1, V, V]])
    logits = SequenceDenoiser(chain, MASKING)(x_t, torch.tensor(0.5, dtype=F64)).logits
    assert torch.isfinite(logits).all()
    assert logits[0].argmax(-1).tolist() == [0, 0, 1, 2, 0]
    assert logits[1, 2].tolist() == [-1e9, 0.0, -1e9]
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones(2, 5, dtype=F64))


def test_long_sequences_do_not_underflow():
    chain = MarkovChain.random(4, 3000, seed=0, concentration=0.2)
    process = Uniform(LinearKeep(), 4)
    noise = torch.rand(2, 3000, dtype=F64, generator=torch.Generator().manual_seed(2))
    logits = SequenceDenoiser(chain, process)(process.prior(noise), torch.tensor(0.1)).logits
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones(2, 3000, dtype=F64))


def test_entropy_and_log_probability_are_those_of_enumeration():
    p = probabilities(CHAIN)
    torch.testing.assert_close(CHAIN.log_probability(ALL).exp(), p, rtol=1e-12, atol=1e-15)
    assert math.isclose(p.sum().item(), 1.0, rel_tol=1e-12)
    assert math.isclose(CHAIN.entropy(), -(p * p.log()).sum().item(), rel_tol=1e-12)


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


def test_random_chains_are_functions_of_their_seed():
    same, again, other = (MarkovChain.random(5, 7, seed) for seed in (1, 1, 2))
    assert torch.equal(same.transition, again.transition)
    assert not torch.equal(same.transition, other.transition)
    sure, loose = (MarkovChain.random(5, 50, 1, c).entropy() for c in (0.01, 100.0))
    assert sure < 0.2 * loose < 0.2 * 50 * math.log(5)


HALF = torch.full((2,), 0.5, dtype=F64)


@pytest.mark.parametrize(
    ("initial", "transition", "length"),
    [
        (HALF, torch.eye(3, dtype=F64), 4),
        (HALF[None], torch.eye(2, dtype=F64), 4),
        (HALF, torch.eye(2, dtype=F64), 0),
        (HALF, 2 * torch.eye(2, dtype=F64), 4),
        (HALF, torch.tensor([[1.5, -0.5], [0.0, 1.0]], dtype=F64), 4),
        (HALF, torch.full((2, 2), math.nan, dtype=F64), 4),
        (HALF.float(), torch.eye(2, dtype=F64), 4),
    ],
    ids=["sizes", "rank", "length", "sum", "sign", "nan", "precision"],
)
def test_what_is_no_chain_is_refused(initial, transition, length):
    with pytest.raises(SettingError, match="Markov chain"):
        MarkovChain(initial, transition, length)


@pytest.mark.parametrize(("size", "concentration"), [(0, 1.0), (3, 0.0), (3, math.nan)])
def test_what_is_no_random_chain_is_refused(size, concentration):
    with pytest.raises(SettingError, match="concentration"):
        MarkovChain.random(size, 4, 0, concentration)


def test_the_denoiser_refuses_what_it_does_not_know():
    denoiser, t = SequenceDenoiser(CHAIN, MASKING), torch.tensor(0.5, dtype=F64)
    with pytest.raises(SettingError, match="same tokens"):
        SequenceDenoiser(CHAIN, Masking(LinearKeep(), V + 1))
    with pytest.raises(SettingError, match="label"):
        denoiser(torch.zeros(1, L, dtype=torch.int64), t, label=torch.zeros(1))
    with pytest.raises(SettingError, match="4 tokens"):
        denoiser(torch.zeros(1, L - 1, dtype=torch.int64), t)
