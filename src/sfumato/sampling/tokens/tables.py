"""How tokens move between the states of an automaton, as tables for sums and draws.

An automaton of bytes or characters is lifted to tokens by running it through each of them. Tokens
that move all states alike are of one *kind*, so that sums over tokens are sums over kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Numbers in memory at a time, in a sum over the edges of an automaton for several rows.
_AT_ONCE = 1 << 22


def lifted(tokens: Sequence[bytes], of_bytes: Ints) -> Ints:
    """The state after each token.

    Args:
        tokens: The bytes of every token, V of them.
        of_bytes: The state after each byte in each state, (S, 256).

    Returns:
        int64, shape (V, S).
    """
    by_byte = np.ascontiguousarray(of_bytes.T)
    moves = np.empty((len(tokens), len(of_bytes)), np.int64)
    for number, data in enumerate(tokens):
        states = np.arange(len(of_bytes))
        for byte in data:
            states = by_byte[byte][states]
        moves[number] = states
    return moves


@dataclass(frozen=True, eq=False)
class Table:
    """The moves of tokens at a place.

    Attributes:
        drawn: The state after each token that is drawn, in each state, int64 (V, S); the last state
            is dead: nothing leads out of it.
        given: The same for tokens that are given.
    """

    drawn: Ints
    given: Ints

    @property
    def dead(self) -> int:
        """The state that nothing leads out of."""
        return int(self.drawn.shape[1]) - 1

    @cached_property
    def _kinds(self) -> tuple[Ints, Ints]:
        """The different moves (K, S), and the kind of each token (V,)."""
        used = (self.drawn != self.dead).any(0)
        used[-1] = True
        _, first, kind_of = np.unique(
            self.drawn[:, used], axis=0, return_index=True, return_inverse=True
        )
        return self.drawn[first], kind_of.reshape(-1)

    @property
    def kind_of(self) -> Ints:
        """The kind of each token, (V,)."""
        return self._kinds[1]

    @property
    def kinds(self) -> int:
        """K, the number of kinds."""
        return len(self._kinds[0])

    @cached_property
    def _edges(self) -> tuple[Ints, Ints, Ints]:
        """The edges that do not lead to the dead state, ordered by their states and kinds.

        Returns:
            Their kinds and the states that they lead to, each (E,), and the place of the first edge
            of every state, (S + 1,).
        """
        alive = (self._kinds[0] != self.dead).T
        alive[-1] = False
        states, kinds = np.nonzero(alive)
        begin = np.searchsorted(states, np.arange(len(alive) + 1))
        return kinds, self._kinds[0][kinds, states], begin

    def before(self, masses: Floats, after: Floats) -> Floats:
        """The sums over all tokens of their mass times the value of the state that they lead to.

        Args:
            masses: The mass of each kind, (n, K).
            after: The value of each state, (n, S).

        Returns:
            The value of each state before the token, (n, S).
        """
        kinds, to, begin = self._edges
        sums = np.zeros(after.shape)
        some = np.flatnonzero(np.diff(begin))
        if not len(some):
            return sums
        most = max(1, _AT_ONCE // len(kinds))
        for low in range(0, len(after), most):
            part = slice(low, low + most)
            products = masses[part][:, kinds] * after[part][:, to]
            sums[part, some] = np.add.reduceat(products, begin[some], axis=1)
        return sums

    def can(self, after: Bools) -> Bools:
        """The states from which some token leads to one of a set.

        Args:
            after: The set, bool (S,).

        Returns:
            bool (S,).
        """
        _, to, begin = self._edges
        found = np.zeros(after.shape, np.bool_)
        some = np.flatnonzero(np.diff(begin))
        if len(some):
            found[some] = np.bitwise_or.reduceat(after[to], begin[some])
        return found

    def choose(
        self, masses: Floats, after: Floats, state: Ints, noise: Floats
    ) -> tuple[Ints, Floats, Ints]:
        """Draw the kind of a token for each row.

        Args:
            masses: The mass of each kind, (n, K).
            after: The value of each state behind the token, (n, S).
            state: The state before it, (n,).
            noise: Uniform in [0, 1), (n,).

        Returns:
            The kinds, what their draws leave of the noise, and the states behind, each (n,).
        """
        kinds, to, begin = self._edges
        rows, count = np.arange(len(state)), begin[state + 1] - begin[state]
        turn = np.arange(max(1, int(count.max(initial=0))))
        edge = begin[state][:, None] + turn
        edge = np.where(turn < count[:, None], edge, 0) if len(kinds) else edge * 0
        if not len(kinds):
            return np.zeros(len(state), np.int64), noise * 0, np.full(len(state), self.dead)
        weights = masses[rows[:, None], kinds[edge]] * after[rows[:, None], to[edge]]
        weights = np.where(turn < count[:, None], weights, 0.0)
        edges = weights.cumsum(1)
        level = noise * edges[:, -1]
        chosen = (np.where(weights > 0, edges, -1.0) > level[:, None]).argmax(1)
        weight = weights[rows, chosen]
        share = (level - (edges[rows, chosen] - weight)) / np.where(weight > 0, weight, 1.0)
        edge = edge[rows, chosen]
        return kinds[edge], share.clip(0, np.nextafter(1.0, 0.0)), to[edge]
