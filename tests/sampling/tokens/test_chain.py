"""Rows that an automaton accepts: their probability and their draws, against all rows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from sfumato.sampling import KeyedUniform
from sfumato.sampling.tokens.chain import UNREAD, Accepted
from sfumato.sampling.tokens.tables import Table, lifted

V, L = 4, 4
# States: the sum so far, up to 5; 6 is dead.
SUM = np.array([[min(state + token, 6) for state in range(7)] for token in range(V)])
# The same where only 1 and 2 may be drawn.
NARROW = np.where(np.isin(np.arange(V), [1, 2])[:, None], SUM, 6)
TABLES = (Table(SUM, SUM), Table(NARROW, SUM))
CHOICE = np.array([0, 1, UNREAD, 0])
FIVE = np.arange(7) == 5


def rows(count: int) -> Accepted:
    return Accepted(
        TABLES, np.tile(CHOICE, (count, 1)), np.zeros(count, np.int64), np.tile(FIVE, (count, 1))
    )


def every_row(logits: Tensor, given: dict[int, int]) -> dict[tuple[int, ...], float]:
    """The probability of each row that fits, told without an automaton."""
    p = logits.double().softmax(-1).numpy()
    found = {}
    for row in itertools.product(range(V), repeat=L):
        narrow = 1 in given or row[1] in (1, 2)
        if row[0] + row[1] + row[3] != 5 or not narrow or row[2] != given.get(2, 0):
            continue
        if all(row[place] == token for place, token in given.items()):
            free = [place for place in (0, 1, 3) if place not in given]
            found[row] = float(np.prod([p[place, row[place]] for place in free]))
    return found


@pytest.mark.parametrize("given", [{}, {0: 2}, {1: 3}, {0: 1, 3: 2}])
def test_rows_have_the_exact_distribution(given: dict[int, int]) -> None:
    """A place that is not read keeps its token; a given token may be one that is never drawn."""
    count = 20_000
    logits = torch.randn(L, V, generator=torch.Generator().manual_seed(0))
    x_t = torch.zeros(count, L, dtype=torch.int64)
    free = torch.tensor([place in (0, 1, 3) and place not in given for place in range(L)])
    for place, token in given.items():
        x_t[:, place] = token
    chain = rows(count).given(x_t, free.expand(count, L), logits.expand(count, L, V))
    want = every_row(logits, given)
    total = sum(want.values())
    assert np.allclose(chain.log_mass, np.log(total), rtol=0, atol=1e-12)
    x0 = chain.draw(KeyedUniform(1, range(count)).step(0, (L,)))
    assert rows(count).accepts(x0, free.expand(count, L)).all()
    found: dict[tuple[int, ...], int] = {}
    for row in map(tuple, x0.tolist()):
        found[row] = found.get(row, 0) + 1
    assert found.keys() <= want.keys()
    expected = {row: count * weight / total for row, weight in want.items()}
    chi = sum((found.get(row, 0) - n) ** 2 / n for row, n in expected.items())
    degrees = len(want) - 1
    assert abs(chi - degrees) <= 5 * (2 * degrees) ** 0.5


def test_rows_that_cannot_be_accepted() -> None:
    x_t, free = torch.tensor([[3, 3, 0, 0]]), torch.tensor([[False, False, False, True]])
    chain = rows(1).given(x_t, free, torch.zeros(1, L, V))
    assert chain.log_mass[0] == -np.inf
    half = torch.full((1, L), 0.5, dtype=torch.float64)
    assert chain.draw(half).tolist() == x_t.tolist()


def test_later_states_have_the_same_probabilities_of_tokens() -> None:
    """The probability of a row is that of its first token times that of what follows it."""
    logits = torch.randn(1, L, V, generator=torch.Generator().manual_seed(1))
    free = torch.tensor([[True, True, False, True]])
    x_t = torch.zeros(1, L, dtype=torch.int64)
    chain = rows(1).given(x_t, free, logits)
    total = 0.0
    for token in range(V):
        later = torch.tensor([[token, 0, 0, 0]])
        left = torch.tensor([[False, True, False, True]])
        after = chain.after(later, left, np.array([0]))
        total += logits[0, 0].double().softmax(0)[token].item() * float(np.exp(after.log_mass[0]))
    assert total == pytest.approx(float(np.exp(chain.log_mass[0])), rel=1e-12)


def test_a_long_row_does_not_underflow() -> None:
    """The number of ways to spell a sum, of 3,000 tokens that are 0 or 1 alike."""
    size = 3000
    moves = np.array([[0, 1, 2], [1, 0, 2]])  # Even and odd.
    table = Table(moves, moves)
    zeros, odd = np.zeros((1, size), np.int64), np.array([[False, True, False]])
    accepted = Accepted((table,), zeros, zeros[:, 0], odd)
    free = torch.ones(1, size, dtype=torch.bool)
    chain = accepted.given(torch.zeros(1, size, dtype=torch.int64), free, torch.zeros(1, size, 2))
    assert chain.log_mass[0] == pytest.approx(np.log(0.5), abs=1e-9)


def test_tokens_are_lifted_byte_by_byte() -> None:
    of_bytes = np.zeros((3, 256), np.int64)
    of_bytes[:, ord("a")], of_bytes[:, ord("b")] = 1, [0, 2, 2]
    assert lifted([b"", b"a", b"ab", b"abb", b"ba"], of_bytes).tolist() == [
        [0, 1, 2], [1, 1, 1], [2, 2, 2], [2, 2, 2], [1, 1, 1],
    ]  # fmt: skip
