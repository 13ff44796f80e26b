"""Constrained draws by particles, against the exact posterior of chains and hidden models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.errors import SettingError
from sfumato.oracle import AcceptedSequences, HiddenMarkovModel, MarkovChain, SequenceDenoiser
from sfumato.process.categorical import CategoricalProcess, Masking, Uniform
from sfumato.process.keep import LinearKeep
from sfumato.sampling.tokens.automata import of_pattern
from sfumato.sampling.tokens.chain import Accepted
from sfumato.sampling.tokens.particles import (
    Drawn,
    draw_accepted,
    particle_noise,
    systematic,
)
from sfumato.sampling.tokens.tables import Bools, Floats, Ints, Table

V, L = 3, 6
Prior = MarkovChain | HiddenMarkovModel
CHAIN = MarkovChain.random(V, L, seed=3)
MODEL = HiddenMarkovModel.random(3, V, L, seed=5, concentration=0.4)


def regular() -> tuple[Ints, Bools]:
    """``(a+b|c?b)*a?`` over the tokens a, b, c."""
    automaton = of_pattern("(a+b|c?b)*a?")
    return automaton.moves[:, automaton.class_of(np.array([97, 98, 99]))].T, automaton.accepting


def summing(total: int) -> tuple[Ints, Bools]:
    """The tokens, as numbers from 0, have a given sum."""
    moves = np.array([[min(state + token, total + 1) for state in range(total + 2)]
                      for token in range(V)])  # fmt: skip
    return moves, np.arange(total + 2) == total


AUTOMATA = {"regular": regular(), "sum": summing(6)}
GIVEN = {"regular": {2: 1}, "sum": {4: 2}}


@dataclass
class Streams:
    """Uniform noise that is quick to make."""

    rows: int
    seed: int = 0
    source: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.source = torch.Generator().manual_seed(self.seed)

    def prior(self, shape: Sequence[int]) -> Tensor:
        return self.step(0, shape)

    def step(self, step: int, shape: Sequence[int], draw: int = 0) -> Tensor:
        return torch.rand(self.rows, *shape, dtype=torch.float64, generator=self.source)


class Counted(Denoiser[CategoricalProcess]):
    """An exact denoiser that counts its calls and its rows, and evaluates equal rows once."""

    def __init__(self, prior: Prior) -> None:
        super().__init__(Masking(LinearKeep(), V))
        self.exact = SequenceDenoiser(prior, self.process)
        self.calls = self.rows = 0

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        different, number = torch.unique(x_t, dim=0, return_inverse=True)
        self.calls, self.rows = self.calls + 1, self.rows + len(x_t)
        half = torch.tensor(0.5, dtype=torch.float64)
        return Posterior(self.exact(different, half).logits[number])


def drawn(
    prior: Prior, name: str, count: int, particles: int, steps: int = L, **options: Any
) -> tuple[Drawn, Counted]:
    moves, ends = AUTOMATA[name]
    x_1 = torch.full((count, L), V)
    for place, token in GIVEN[name].items():
        x_1[:, place] = token
    accepted = Accepted(
        (Table(moves, moves),), np.zeros((count, L), np.int64), np.zeros(count, np.int64),
        np.tile(ends, (count, 1)),
    )  # fmt: skip
    denoiser = Counted(prior)
    noise = options.pop("noise", Streams(count * particles))
    found = draw_accepted(denoiser, accepted, x_1, x_1 == V, noise, particles, steps, **options)
    return found, denoiser


def truth(prior: Prior, name: str) -> Floats:
    """The exact posterior of all sequences given the constraint and the given tokens, (V^L,)."""
    moves, ends = map(torch.from_numpy, AUTOMATA[name])
    texts = torch.tensor(list(itertools.product(range(V), repeat=L)))
    p = AcceptedSequences(prior, moves, ends).log_probability(texts).exp()
    for place, token in GIVEN[name].items():
        p = p * (texts[:, place] == token)
    exact: Floats = (p / p.sum()).numpy()
    return exact


def total_variation(exact: Floats, found: Drawn) -> float:
    """That of the law of the result, which is the mean of the weighted particles."""
    numbers = (found.rows.numpy() * V ** np.arange(L - 1, -1, -1)).sum(-1)
    weights = found.weights.reshape(-1) / len(found.weights)
    law = np.bincount(numbers.reshape(-1), weights, minlength=V**L)
    return float(0.5 * np.abs(law - exact).sum())


@pytest.mark.parametrize(
    ("name", "prior"),
    [
        ("sum", CHAIN),
        ("regular", MODEL),
        pytest.param("regular", CHAIN, marks=pytest.mark.slow),
        pytest.param("sum", MODEL, marks=pytest.mark.slow),
    ],
)
def test_the_result_has_the_exact_posterior(prior: Prior, name: str) -> None:
    """64 particles and one evaluation a token are within 0.01 in total variation."""
    exact = truth(prior, name)
    found, _ = drawn(prior, name, 2000, 64)
    assert total_variation(exact, found) < 0.01
    one, _ = drawn(prior, name, 2000, 1)
    assert total_variation(exact, one) > 0.05


@pytest.mark.parametrize("name", AUTOMATA)
def test_three_evaluations_are_enough_for_a_chain(name: str) -> None:
    """Five tokens, from coarse to fine, each between visible ones."""
    found, denoiser = drawn(CHAIN, name, 2000, 64, steps=3)
    assert denoiser.calls == 3
    assert total_variation(truth(CHAIN, name), found) < 0.01


@pytest.mark.parametrize("name", AUTOMATA)
def test_one_particle_of_many_is_the_result(name: str) -> None:
    """The rows themselves, not only the weighted particles, have the posterior."""
    found, _ = drawn(CHAIN, name, 3000, 32)
    numbers = (found.x0.numpy() * V ** np.arange(L - 1, -1, -1)).sum(-1)
    exact = truth(CHAIN, name)
    seen = np.bincount(numbers, minlength=V**L)
    assert (seen[exact == 0] == 0).all()
    some = exact * 3000 > 5
    chi = float((np.square(seen - 3000 * exact)[some] / (3000 * exact[some])).sum())
    assert chi < some.sum() + 8 * np.sqrt(2 * some.sum())


@pytest.mark.parametrize("particles", [1, 4, 16])
def test_the_probability_of_the_constraint_is_estimated_without_bias(particles: int) -> None:
    moves, ends = map(torch.from_numpy, AUTOMATA["sum"])
    given = torch.full((1, L), V)
    for place, token in GIVEN["sum"].items():
        given[0, place] = token
    evidence = torch.nn.functional.one_hot(given, V + 1)[..., :V].double()
    evidence[given == V] = 1.0
    both = AcceptedSequences(CHAIN, moves, ends)
    exact = both.log_mass + both.posterior(evidence).log_likelihood.item()
    exact -= CHAIN.posterior(evidence).log_likelihood.item()
    found, _ = drawn(CHAIN, "sum", 3000, particles)
    estimates = np.exp(found.log_mass)
    error = estimates.std() / np.sqrt(len(estimates))
    assert abs(estimates.mean() - np.exp(exact)) < 4 * error


def test_particles_do_not_depend_on_other_rows() -> None:
    whole, _ = drawn(CHAIN, "sum", 6, 5, noise=particle_noise(3, range(6), 5))
    for row in range(6):
        alone, _ = drawn(CHAIN, "sum", 1, 5, noise=particle_noise(3, range(row, row + 1), 5))
        assert alone.rows[0].tolist() == whole.rows[row].tolist()
        assert alone.x0[0].tolist() == whole.x0[row].tolist()
        assert alone.log_mass[0] == pytest.approx(whole.log_mass[row], abs=1e-12)


def test_the_first_particle_has_the_noise_of_the_sample() -> None:
    noise = particle_noise(3, range(2, 4), 3).step(1, (4,))
    assert len(noise) == 6
    assert len({tuple(row) for row in noise.tolist()}) == 6
    alone = particle_noise(3, range(3, 4), 1).step(1, (4,))
    assert alone[0].tolist() == noise[3].tolist()


def test_equal_particles_are_evaluated_once_in_whole_tiles() -> None:
    _, denoiser = drawn(CHAIN, "sum", 2, 16, steps=1, tile=4)
    assert denoiser.rows == 2 * 4
    _, every = drawn(CHAIN, "sum", 2, 16, tile=1)
    assert every.rows < 2 * 16 * every.calls


def test_systematic_draws_are_even() -> None:
    shares = np.array([[0.5, 0.0, 0.3, 0.2]])
    for u in (0.0, 0.3, 0.999):
        counts = np.bincount(systematic(shares, np.array([u]), 10)[0], minlength=4)
        assert np.abs(counts - 10 * shares[0]).max() < 1
        assert counts[1] == 0
    ones = [systematic(shares, np.array([u]), 1)[0, 0] for u in np.arange(1000) / 1000]
    assert np.bincount(ones, minlength=4).tolist() == [500, 0, 300, 200]


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(SettingError, match="0 particles"):
        drawn(CHAIN, "sum", 1, 0)
    moves, ends = AUTOMATA["sum"]
    uniform = SequenceDenoiser(CHAIN, Uniform(LinearKeep(), V))
    accepted = Accepted(
        (Table(moves, moves),), np.zeros((1, L), np.int64), np.zeros(1, np.int64), ends[None]
    )
    x_1 = torch.zeros(1, L, dtype=torch.int64)
    with pytest.raises(SettingError, match="masking"):
        draw_accepted(uniform, accepted, x_1, x_1 == 0, Streams(1), 1, 1)
