"""Sequences that an automaton accepts, against the enumeration of all sequences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.oracle import AcceptedSequences, HiddenMarkovModel, MarkovChain, SequenceDenoiser
from sfumato.process.categorical import Masking, Uniform
from sfumato.process.keep import LinearKeep
from tests.oracle import enumeration

F64 = torch.float64
V, L = 3, 5
CHAIN = MarkovChain.random(V, L, seed=4)
MODEL = HiddenMarkovModel.random(2, V, L, seed=3)
# The sum of the tokens modulo 4, and "no token twice in a row", which begins in state 3.
SUM = torch.tensor([[(state + token) % 4 for state in range(4)] for token in range(V)])
CHANGING = torch.tensor(
    [[4 if state == token else token for state in range(5)] for token in range(V)]
)
CHANGING[:, 4] = 4
AUTOMATA = {
    "sum": (SUM, torch.tensor([False, False, True, False]), 0),
    "changing": (CHANGING, torch.tensor([True, True, True, True, False]), 3),
}
CASES = [(prior, name) for prior in (CHAIN, MODEL) for name in AUTOMATA]
every_case = pytest.mark.parametrize(("prior", "name"), CASES)


def accepted(name: str) -> Tensor:
    """Which of all sequences fit, told without an automaton."""
    texts = enumeration.every(V, L)
    if name == "sum":
        return texts.sum(1) % 4 == 2
    return (texts[:, 1:] != texts[:, :-1]).all(1)


def law(prior: MarkovChain | HiddenMarkovModel, name: str) -> Tensor:
    """The probability of each sequence, of those that fit, shape (V^L,)."""
    return enumeration.law(prior) * accepted(name)


@every_case
def test_probabilities(prior: MarkovChain | HiddenMarkovModel, name: str) -> None:
    sequences = AcceptedSequences(prior, *AUTOMATA[name])
    want = law(prior, name)
    assert sequences.log_mass == pytest.approx(want.sum().log().item(), abs=1e-12)
    got = sequences.log_probability(enumeration.every(V, L)).exp()
    torch.testing.assert_close(got, want / want.sum(), rtol=1e-10, atol=1e-14)


@every_case
@pytest.mark.parametrize("process", [Masking(LinearKeep(), V), Uniform(LinearKeep(), V)])
def test_posteriors(
    prior: MarkovChain | HiddenMarkovModel, name: str, process: Masking | Uniform
) -> None:
    denoiser = SequenceDenoiser(AcceptedSequences(prior, *AUTOMATA[name]), process)
    blank = V if isinstance(process, Masking) else 0
    for x_t in ([0, blank, blank, 1, blank], [blank] * L, [blank, 2, 0, blank, blank]):
        got = denoiser(torch.tensor([x_t]), torch.tensor(0.6, dtype=F64)).logits[0].exp()
        evidence = enumeration.likelihoods(process, x_t, 0.6)
        weights = enumeration.weighed(law(prior, name), evidence)
        want = enumeration.marginals(weights, V, L)
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


@every_case
def test_samples(prior: MarkovChain | HiddenMarkovModel, name: str) -> None:
    sequences = AcceptedSequences(prior, *AUTOMATA[name])
    count = 40_000
    source = torch.Generator().manual_seed(0)
    drawn = sequences.sample(torch.rand(count, L, dtype=F64, generator=source))
    numbers = (drawn * V ** torch.arange(L - 1, -1, -1)).sum(1)
    found = torch.bincount(numbers, minlength=V**L).double()
    want = law(prior, name)
    want = count * want / want.sum()
    assert (found[want == 0] == 0).all()
    some = want > 0
    chi = ((found - want)[some].square() / want[some]).sum().item()
    degrees = int(some.sum()) - 1
    assert abs(chi - degrees) < 5 * (2 * degrees) ** 0.5


def test_what_does_not_fit_is_refused() -> None:
    ends = torch.tensor([True, False, False, False])
    with pytest.raises(SettingError, match="does not fit"):
        AcceptedSequences(CHAIN, SUM[:2], ends)
    with pytest.raises(SettingError, match="order 1"):
        AcceptedSequences(MarkovChain.random(V, L, seed=5, order=2), SUM, ends)
    with pytest.raises(SettingError, match="accepts no sequence"):
        AcceptedSequences(CHAIN, SUM, torch.zeros(4, dtype=torch.bool))
