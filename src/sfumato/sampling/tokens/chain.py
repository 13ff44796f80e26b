"""Rows of tokens given that an automaton accepts them, where tokens are independent otherwise.

    p(x) = prod_i p_i(x_i) [x is accepted] / Z

The states of the automaton form a chain. One pass backward gives the probability ``Z`` that the row
is accepted, and a pass forward draws from ``p``, both exactly.

Source: Rabiner 1989, "A tutorial on hidden Markov models", section III.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.sampling.tokens.sampler import beliefs, draw
from sfumato.sampling.tokens.tables import Bools, Floats, Ints, Table

UNREAD = -1
"""The number of the table of places that the automaton does not read."""
# A token of probability 0 is drawn only where nothing else is accepted.
_LEAST = 1e-18
# Probabilities in memory at a time.
_AT_ONCE = 1 << 24


@dataclass(frozen=True, eq=False)
class Accepted:
    """An automaton that reads rows of tokens: which rows it accepts.

    Attributes:
        tables: Moves of tokens, all with S states.
        choice: The number of the table at each place, int64 (B, L), or ``UNREAD``.
        start: The state at the beginning of each row, int64 (B,).
        ends: The states in which a row may end, bool (B, S).
    """

    tables: tuple[Table, ...]
    choice: Ints
    start: Ints
    ends: Bools

    def rows(self, rows: Ints) -> Accepted:
        """Some of the rows; a row can be among them several times."""
        return Accepted(self.tables, self.choice[rows], self.start[rows], self.ends[rows])

    def accepts(self, x0: Tensor, free: Tensor) -> Bools:
        """Whether each row is accepted, bool (B,).

        Args:
            x0: Tokens, int64, shape (B, L).
            free: The places whose tokens are drawn, bool, shape (B, L); those of others are given.
        """
        tokens, drawn, state = numpy(x0), numpy(free), self.start.copy()
        for place, parts in self._parts():
            before = state.copy()
            for table, rows in parts:
                token, old = tokens[rows, place], before[rows]
                moved = np.where(
                    drawn[rows, place], table.drawn[token, old], table.given[token, old]
                )
                state[rows] = moved
        return self.ends[np.arange(len(state)), state]

    def given(self, x_t: Tensor, free: Tensor, logits: Tensor) -> Chain:
        """The rows that are accepted, with independent tokens of some logits at the free places.

        Args:
            x_t: Tokens, int64, shape (B, L).
            free: The places to draw, bool, shape (B, L).
            logits: Shape (B, L, V).
        """
        rows = np.arange(len(x_t))
        return Chain(self, x_t, free, Masses(self, free, logits), rows)

    def _parts(self) -> list[tuple[int, list[tuple[Table, Ints]]]]:
        """For each place that is read, the tables and the rows that use them."""
        found = []
        for place in np.flatnonzero((self.choice != UNREAD).any(0)).tolist():
            column = self.choice[:, place]
            numbers = [each for each in np.unique(column).tolist() if each != UNREAD]
            parts = [(self.tables[each], np.flatnonzero(column == each)) for each in numbers]
            found.append((place, parts))
        return found


class Masses:
    """The probability of each kind of token at the free places.

    Args:
        accepted: The automaton.
        free: The free places, bool, shape (B, L).
        logits: Shape (B, L, V).
    """

    def __init__(self, accepted: Accepted, free: Tensor, logits: Tensor) -> None:
        self.logits, self.device = logits, logits.device
        self.kind_of = _on(np.stack([each.kind_of for each in accepted.tables]), self.device)
        places = free & _on(accepted.choice != UNREAD, self.device)
        count = max(each.kinds for each in accepted.tables)
        index = torch.full(free.shape, -1, dtype=torch.int64, device=self.device)
        index[places] = torch.arange(int(places.sum()), device=self.device)
        tables = _on(accepted.choice, self.device)[places]
        parts, visible = [], logits[places]
        most = max(1, _AT_ONCE // logits.shape[-1])
        for low in range(0, len(tables), most):
            some = slice(low, low + most)
            p = beliefs(visible[some]) + _LEAST
            mass = torch.zeros(len(p), count, dtype=p.dtype, device=self.device)
            parts.append(numpy(mass.scatter_add_(1, self.kind_of[tables[some]], p)))
        self.all: Floats = np.concatenate([np.zeros((0, count)), *parts])
        self.index: Ints = numpy(index)


class Chain:
    """The distribution of accepted rows; see the module.

    Args:
        accepted: The automaton.
        x_t: Tokens, int64, shape (B, L).
        free: The places to draw, bool, shape (B, L).
        masses: The probabilities of tokens at these places, or at more.
        source: The rows of the masses, int64 (B,).

    Attributes:
        log_mass: The log of the probability that a row is accepted, in nats, float64 (B,).
    """

    def __init__(
        self, accepted: Accepted, x_t: Tensor, free: Tensor, masses: Masses, source: Ints
    ) -> None:
        self.accepted, self.x_t, self.free = accepted, x_t, free
        self.masses, self.source = masses, source
        self._tokens, self._free = numpy(x_t), numpy(free)
        self._parts = accepted._parts()
        self._after: list[Floats] = []
        self.log_mass = self._backward()

    def after(self, x_t: Tensor, free: Tensor, rows: Ints) -> Chain:
        """The distribution of later states of some rows, with the same probabilities of tokens.

        Args:
            x_t: Tokens, int64, shape (n, L).
            free: The places that are still to be drawn, bool, shape (n, L).
            rows: The rows that they come from, int64 (n,).
        """
        return Chain(self.accepted.rows(rows), x_t, free, self.masses, self.source[rows])

    def _backward(self) -> Floats:
        value = self.accepted.ends.astype(np.float64)
        log_scale = np.zeros(len(value))
        for place, parts in reversed(self._parts):
            self._after.append(value)
            now = value.copy()
            for table, rows in parts:
                drawn = self._free[rows, place]
                given = rows[~drawn]
                some = rows[drawn]
                mass = self.masses.all[self.masses.index[self.source[some], place]]
                now[some] = table.before(mass, value[some])
                moves = table.given[self._tokens[given, place]]
                now[given] = np.take_along_axis(value[given], moves, 1)
            now[:, -1] = 0
            top = np.maximum(now.max(1), np.finfo(float).tiny)
            log_scale += np.log(top)
            value = now / top[:, None]
        self._after.reverse()
        first = value[np.arange(len(value)), self.accepted.start]
        return np.log(first, out=np.full(len(first), -np.inf), where=first > 0) + log_scale

    def draw(self, noise: Tensor, rows: Ints | None = None) -> Tensor:
        """Draw rows that are accepted; one that cannot be stays as it is.

        Args:
            noise: Uniform in [0, 1), float64, shape (n, L).
            rows: The numbers of the rows to draw, n of them; None for each one once.

        Returns:
            int64, shape (n, L).
        """
        rows = np.arange(len(self._tokens)) if rows is None else rows
        kinds, rest = self._forward(numpy(noise), rows)
        device = self.x_t.device
        chosen = _on(rows, device)
        x0 = self.x_t[chosen].clone()
        read = (self.accepted.choice[rows] != UNREAD) & np.isfinite(self.log_mass[rows])[:, None]
        places = self.free[chosen] & _on(read, device)
        if not places.any():
            return x0
        tables = _on(self.accepted.choice[rows], device)[places]
        kind_of = self.masses.kind_of

        def of_kind(part: Tensor, kind: Tensor, table: Tensor) -> Tensor:
            return (beliefs(part) + _LEAST) * (kind_of[table[:, 0]] == kind)

        logits = self._logits(rows, places)
        kind = _on(kinds, device)[places][:, None]
        x0[places] = draw(of_kind, _on(rest, device)[places], logits, kind, tables[:, None])
        return x0

    def _logits(self, rows: Ints, places: Tensor) -> Tensor:
        """The logits at some places, (n, V)."""
        row, place = places.nonzero(as_tuple=True)
        return self.masses.logits[_on(self.source[rows], row.device)[row], place]

    def _forward(self, noise: Floats, rows: Ints) -> tuple[Ints, Floats]:
        """The kind of token at every free place, and what its draw leaves of the noise, (n, L)."""
        kinds, rest = np.zeros(noise.shape, np.int64), np.zeros(noise.shape)
        state = self.accepted.start[rows]
        for (place, _), after in zip(self._parts, self._after, strict=True):
            column = self.accepted.choice[rows, place]
            before = state.copy()
            for number in np.unique(column[column != UNREAD]).tolist():
                table, here = self.accepted.tables[number], column == number
                free = self._free[rows, place]
                given = np.flatnonzero(here & ~free)
                tokens = self._tokens[rows[given], place]
                state[given] = table.given[tokens, before[given]]
                some = np.flatnonzero(here & free)
                own = rows[some]
                mass = self.masses.all[self.masses.index[self.source[own], place]]
                found = table.choose(mass, after[own], before[some], noise[some, place])
                kinds[some, place], rest[some, place], state[some] = found
        return kinds, rest


def numpy(tensor: Tensor) -> NDArray[Any]:
    """A tensor of any device as an array."""
    array: NDArray[Any] = tensor.cpu().numpy()
    return array


def _on(array: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)
