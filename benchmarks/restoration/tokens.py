"""Sequences of tokens under a constraint, beside the exact posterior.

    python benchmarks/restoration/tokens.py

A Markov chain and a hidden Markov model of six tokens, with one given token and a constraint on the
whole: a regular expression, or a sum of the tokens as numbers. Chain and automaton together are a
chain again, whose posterior is exact (:class:`sfumato.oracle.AcceptedSequences`). No peer has this.

Writes tokens.csv: the total variation of the law of the result, over all 729 sequences, from the
posterior, by particles and evaluations. What as many exact draws have by chance is beside it.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from tables import markdown
from tables import write as write_table

from sfumato.oracle import AcceptedSequences, HiddenMarkovModel, MarkovChain, SequenceDenoiser
from sfumato.process.categorical import Masking
from sfumato.process.keep import LinearKeep
from sfumato.sampling.tokens.automata import of_pattern
from sfumato.sampling.tokens.chain import Accepted
from sfumato.sampling.tokens.particles import draw_accepted, particle_noise
from sfumato.sampling.tokens.tables import Bools, Floats, Ints, Table

V, L = 3, 6
ROWS = 800
Prior = MarkovChain | HiddenMarkovModel
PRIORS: dict[str, Prior] = {
    "chain": MarkovChain.random(V, L, seed=11),
    "hidden chain": HiddenMarkovModel.random(3, V, L, seed=12, concentration=0.4),
}
PATTERN, SUM = "(ab*c?)+", 5


@dataclass(frozen=True)
class Row:
    """One prior and constraint at one number of particles.

    Attributes:
        evaluations: Of each particle at most.
        variation: Total variation of the mean of the weighted particles from the posterior.
        accepted: The share of results that satisfy the constraint.
        chance: The total variation of as many exact draws as there are results.
    """

    prior: str
    constraint: str
    particles: int
    evaluations: int
    variation: float
    accepted: float
    chance: float


def automata() -> dict[str, tuple[Ints, Bools]]:
    """Moves (V, S) and accepting states of each constraint; both begin in state 0."""
    expression = of_pattern(PATTERN)
    letters = expression.class_of(np.array([ord(letter) for letter in "abc"]))
    reached = np.arange(SUM + 2)
    moves = np.stack([np.minimum(reached + token, SUM + 1) for token in range(V)])
    return {
        f"regular expression {PATTERN}": (expression.moves[:, letters].T, expression.accepting),
        f"sum {SUM}": (moves, reached == SUM),
    }


def posterior(prior: Prior, moves: Ints, ends: Bools, given: dict[int, int]) -> Floats:
    """The exact posterior of all sequences, shape (V^L,)."""
    accepted = AcceptedSequences(prior, torch.from_numpy(moves), torch.from_numpy(ends))
    texts = torch.tensor(list(itertools.product(range(V), repeat=L)))
    law = accepted.log_probability(texts).exp()
    for place, token in given.items():
        law = law * (texts[:, place] == token)
    exact: Floats = (law / law.sum()).numpy()
    return exact


def numbers(rows: torch.Tensor) -> Ints:
    """The number of each sequence, in the order of :func:`posterior`."""
    found: Ints = (rows.numpy() * V ** np.arange(L - 1, -1, -1)).sum(-1)
    return found


def rows() -> Iterator[Row]:
    """All rows of the table."""
    for (name, prior), (title, (moves, ends)) in itertools.product(
        PRIORS.items(), automata().items()
    ):
        given = {3: 0} if title.startswith("regular") else {3: 1}
        exact = posterior(prior, moves, ends, given)
        draws = np.random.default_rng(0).multinomial(ROWS, exact) / ROWS
        chance = 0.5 * np.abs(draws - exact).sum()
        for particles, steps in ((1, 3), (4, 3), (16, 3), (64, 3)):
            x_1 = torch.full((ROWS, L), V)
            for place, token in given.items():
                x_1[:, place] = token
            accepted = Accepted(
                (Table(moves, moves),),
                np.zeros((ROWS, L), np.int64),
                np.zeros(ROWS, np.int64),
                np.tile(ends, (ROWS, 1)),
            )
            denoiser = SequenceDenoiser(prior, Masking(LinearKeep(), V))
            noise = particle_noise(1, range(ROWS), particles)
            found = draw_accepted(denoiser, accepted, x_1, x_1 == V, noise, particles, steps)
            law = np.bincount(
                numbers(found.rows).reshape(-1), found.weights.reshape(-1) / ROWS, V**L
            )
            variation = 0.5 * np.abs(law - exact).sum()
            satisfied = (exact[numbers(found.x0)] > 0).mean()
            yield Row(name, title, particles, steps, variation, satisfied, chance)


def main() -> None:
    """Write the table and print it."""
    torch.set_num_threads(1)
    found = []
    for row in rows():
        cells = asdict(row)
        for key in ("variation", "accepted", "chance"):
            cells[key] = round(float(cells[key]), 4)
        found.append(cells)
        write_table(Path(__file__).with_suffix(".csv"), found, threads=1)
    print(markdown(found))


if __name__ == "__main__":
    main()
