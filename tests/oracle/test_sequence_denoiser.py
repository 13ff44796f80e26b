"""One exact denoiser for all distributions of sequences, against the enumeration of all texts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.errors import SettingError
from sfumato.guidance import Guided
from sfumato.oracle import HiddenMarkovModel, MarkovChain, SequenceDenoiser, SequenceMixture
from sfumato.process.categorical import Masking, Uniform
from sfumato.process.keep import CosineKeep, LinearKeep
from tests.oracle import enumeration

F64 = torch.float64
V, L = 3, 4
CHAIN = MarkovChain.random(V, L, seed=4)
MODEL = HiddenMarkovModel.random(2, V, L, seed=3)
MIXTURE = SequenceMixture.build((CHAIN, MODEL), torch.tensor([1.0, 2.0]))
DISTRIBUTIONS = {
    "order 1": CHAIN,
    "order 2": MarkovChain.random(V, L, seed=5, order=2),
    "order 3": MarkovChain.random(V, L, seed=6, order=3),
    "order 4": MarkovChain.random(V, L, seed=7, order=4),
    "hidden": MODEL,
    "hidden, order 2": HiddenMarkovModel(MarkovChain.random(2, L, seed=8, order=2), MODEL.emission),
    "mixture": MIXTURE,
}
LAWS = {name: enumeration.law(distribution) for name, distribution in DISTRIBUTIONS.items()}
MASKING, UNIFORM = Masking(LinearKeep(), V), Uniform(CosineKeep(), V)
every_distribution = pytest.mark.parametrize("name", DISTRIBUTIONS)
both_processes = pytest.mark.parametrize("process", [MASKING, UNIFORM], ids=["masking", "uniform"])


def enumerated(law: torch.Tensor, process, x_t: list[int], t: float) -> torch.Tensor:
    """``p(x0_i | x_t)`` by weighing every text, shape (L, V)."""
    weights = enumeration.weighed(law, enumeration.likelihoods(process, x_t, t))
    return enumeration.marginals(weights, V, L)


@every_distribution
@both_processes
@given(data=st.data(), t=st.just(1.0) | st.floats(0.01, 1.0))
@settings(deadline=None, max_examples=15, derandomize=True)
def test_the_posterior_is_that_of_enumeration(name, process, data, t):
    tokens = st.integers(0, process.states - 1)
    # At t = 1 under masking only masks can be seen.
    if t == 1.0 and process is MASKING:
        tokens = st.just(V)
    x_t = data.draw(st.lists(tokens, min_size=L, max_size=L))
    denoiser = SequenceDenoiser(DISTRIBUTIONS[name], process)
    logits = denoiser(torch.tensor([x_t]), torch.tensor(t, dtype=F64)).logits
    assert logits.shape == (1, L, V) and logits.dtype == F64
    want = enumerated(LAWS[name], process, x_t, t)
    torch.testing.assert_close(logits[0].exp(), want, rtol=1e-12, atol=1e-12)


@every_distribution
@both_processes
def test_without_signal_the_posterior_is_the_marginal(name, process):
    x_1 = process.prior(torch.rand(2, L, dtype=F64, generator=torch.Generator().manual_seed(0)))
    denoiser = SequenceDenoiser(DISTRIBUTIONS[name], process)
    got = denoiser(x_1, torch.ones((), dtype=F64)).logits.exp()
    want = enumeration.marginals(LAWS[name], V, L)
    torch.testing.assert_close(got, want.expand(2, L, V), rtol=1e-12, atol=1e-12)


@every_distribution
@both_processes
def test_each_row_and_each_time_of_a_batch_is_its_own(name, process):
    denoiser = SequenceDenoiser(DISTRIBUTIONS[name], process)
    source = torch.Generator().manual_seed(1)
    clean = denoiser.distribution.sample(
        torch.rand(2, denoiser.distribution.draws, dtype=F64, generator=source)
    )
    t = torch.tensor([0.3, 0.9], dtype=F64)
    x_t = process.corrupt(clean, t, torch.rand(2, L, dtype=F64, generator=source))
    whole = denoiser(x_t, t).logits
    for k in range(2):
        torch.testing.assert_close(whole[k : k + 1], denoiser(x_t[k : k + 1], t[k]).logits)


@both_processes
def test_a_label_asks_for_its_class_and_guidance_goes_beyond_it(process):
    denoiser, t = SequenceDenoiser(MIXTURE, process), torch.tensor(0.7, dtype=F64)
    x_t = [1, 0, 2, 2] if process is UNIFORM else [1, V, V, 2]
    states = torch.tensor([x_t] * 3)
    got = denoiser(states, t, label=torch.tensor([0, 1, 2])).logits
    for row, name in enumerate(("order 1", "hidden", "mixture")):
        want = enumerated(LAWS[name], process, x_t, 0.7)
        torch.testing.assert_close(got[row].exp(), want, rtol=1e-12, atol=1e-12)
    guided = Guided(denoiser, 2.0, null={"label": MIXTURE.classes})
    far = guided(states[:1], t, label=torch.tensor([0])).logits
    torch.testing.assert_close(far[0], 2 * got[0] - got[2])


def test_seen_tokens_are_certain_and_logits_stay_finite():
    x_t = torch.tensor([[0, V, 2, V]])
    logits = SequenceDenoiser(MIXTURE, MASKING)(x_t, torch.tensor(0.5, dtype=F64)).logits
    assert logits[0, 0].tolist() == [0.0, -1e9, -1e9]
    assert logits[0, 2].tolist() == [-1e9, -1e9, 0.0]
    assert torch.isfinite(logits).all()


def test_a_state_that_is_ruled_out_still_has_an_answer():
    """0 -> 1 -> 2 -> 0 for certain; the state claims two 0s in a row."""
    circle = torch.eye(3, dtype=F64)[[1, 2, 0]]
    chain = MarkovChain(torch.tensor([1.0, 0.0, 0.0], dtype=F64), circle, 5)
    pairs = MarkovChain(torch.diag(chain.initial) @ circle, circle.expand(3, 3, 3), 5)
    x_t = torch.tensor([[0, 0, V, V, V], [V, V, 1, V, V]])
    for distribution in (chain, pairs, SequenceMixture.build([chain, pairs])):
        denoiser = SequenceDenoiser(distribution, MASKING)
        logits = denoiser(x_t, torch.tensor(0.5, dtype=F64)).logits
        assert torch.isfinite(logits).all()
        assert logits[0].argmax(-1)[:2].tolist() == [0, 0]
        assert logits[1, 2].tolist() == [-1e9, 0.0, -1e9]
        torch.testing.assert_close(logits.exp().sum(-1), torch.ones(2, 5, dtype=F64))
    # At order 1 the last token seen is all that counts for those that follow it.
    answer = SequenceDenoiser(chain, MASKING)(x_t, torch.tensor(0.5, dtype=F64)).logits
    assert answer[0].argmax(-1).tolist() == [0, 0, 1, 2, 0]


@pytest.mark.parametrize(
    "distribution",
    [
        MarkovChain.random(4, 2000, seed=0, concentration=0.2),
        MarkovChain.random(4, 2000, seed=0, concentration=0.2, order=2),
        HiddenMarkovModel.random(3, 4, 2000, seed=0, concentration=0.2),
        SequenceMixture.build([MarkovChain.random(4, 2000, seed, 0.2) for seed in (0, 1)]),
    ],
    ids=["order 1", "order 2", "hidden", "mixture"],
)
def test_long_sequences_do_not_underflow(distribution):
    process = Uniform(LinearKeep(), 4)
    noise = torch.rand(2, 2000, dtype=F64, generator=torch.Generator().manual_seed(2))
    logits = SequenceDenoiser(distribution, process)(process.prior(noise), torch.tensor(0.1)).logits
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones(2, 2000, dtype=F64))


def test_what_is_not_known_is_refused():
    denoiser, t = SequenceDenoiser(CHAIN, MASKING), torch.tensor(0.5, dtype=F64)
    state = torch.zeros(1, L, dtype=torch.int64)
    with pytest.raises(SettingError, match="number of tokens"):
        SequenceDenoiser(CHAIN, Masking(LinearKeep(), V + 1))
    with pytest.raises(SettingError, match="no classes"):
        denoiser(state, t, label=torch.zeros(1))
    with pytest.raises(SettingError, match="caption"):
        denoiser(state, t, caption=torch.zeros(1))
    with pytest.raises(SettingError, match="3 tokens"):
        denoiser(state[:, 1:], t)
