"""Drawing tokens of bytes so that together they are text: exact, by the automaton of UTF-8.

Tokens that are drawn independently of each other can be valid one by one and no characters
together. Here they are drawn from their joint distribution given that the whole row is valid UTF-8:

    p(x) = prod_i p_i(x_i) [x is valid] / Z.

First they are drawn independently. A row that is valid is a draw from ``p``; else the row is drawn
again along the chain of the automaton's states, backward for the sums and forward for the draws
(see ``chain``), which is a draw from ``p`` too. So valid rows cost next to nothing. Any part of a
valid row can be completed, so a sampler that reveals a part of the tokens never ends in a place
where no character fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.sampling.tokens.chain import UNREAD, Accepted
from sfumato.sampling.tokens.sampler import beliefs, draw
from sfumato.sampling.tokens.tables import Table, lifted

STATES = 10
"""Number of states: 0 is between characters, the others are inside one."""
_DEAD = STATES
_AT_ONCE = 1 << 24


def _byte_moves() -> NDArray[np.int64]:
    """The state after each byte in each state, int64 (256, STATES + 1)."""
    moves = np.full((256, STATES + 1), _DEAD)
    moves[:0x80, 0] = 0
    for first, last, state in (
        (0xC2, 0xDF, 1), (0xE0, 0xE0, 3), (0xE1, 0xEE, 2), (0xED, 0xED, 4), (0xEF, 0xEF, 8),
        (0xF0, 0xF0, 5), (0xF1, 0xF3, 6), (0xF4, 0xF4, 7),
    ):  # fmt: skip
        moves[first : last + 1, 0] = state
    for state, first, last, after in (
        (1, 0x80, 0xBF, 0), (2, 0x80, 0xBF, 1), (3, 0xA0, 0xBF, 1), (4, 0x80, 0x9F, 1),
        (5, 0x90, 0xBF, 2), (6, 0x80, 0xBF, 2), (7, 0x80, 0x8F, 2), (8, 0x80, 0xBE, 1),
        (8, 0xBF, 0xBF, 9), (9, 0x80, 0xBF, 0),
    ):  # fmt: skip
        moves[first : last + 1, state] = after
    return moves


class Spelling:
    """How tokens of bytes make characters.

    U+FFFD, which stands for what could not be read, is never drawn; it may be in a text that is
    given.

    Args:
        tokens: The bytes of every token.
    """

    def __init__(self, tokens: Sequence[bytes]) -> None:
        given = _byte_moves()
        drawn = given.copy()
        drawn[0xBD, 9] = _DEAD
        self.table = Table(lifted(tokens, drawn.T), lifted(tokens, given.T))

    def state(self, tokens: NDArray[np.int64]) -> int:
        """The state after some tokens; 0 if they are not valid."""
        state = 0
        for token in tokens.tolist():
            state = int(self.table.given[token, state])
        return 0 if state == _DEAD else state

    def only(self, allowed: NDArray[np.bool_]) -> Table:
        """The moves where only some tokens may be drawn, bool (V,)."""
        if allowed.all():
            return self.table
        drawn = np.where(allowed[:, None], self.table.drawn, _DEAD)
        return Table(drawn, self.table.given)


@dataclass(frozen=True)
class Spelled:
    """Which rows of tokens may be drawn. See the module.

    Attributes:
        spelling: How tokens make characters.
        lengths: Number of tokens of the text of each row, in (0, L].
        whole: For each row, whether its text ends between characters; else it may end inside one.
        start: For each row, the state at its beginning.
        choice: For each place the number of the set of tokens that are allowed, int64 (B, L).
        allowed: The sets, bool (G, V).
    """

    spelling: Spelling
    lengths: Sequence[int]
    whole: Sequence[bool]
    start: Sequence[int]
    choice: NDArray[np.int64]
    allowed: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        spelling: Spelling,
        lengths: Sequence[int],
        size: int,
        whole: Sequence[bool] | None = None,
        start: Sequence[int] | None = None,
    ) -> Spelled:
        """Rows of L = ``size`` places at all of which all tokens are allowed."""
        return cls(
            spelling,
            lengths,
            [True] * len(lengths) if whole is None else whole,
            [0] * len(lengths) if start is None else start,
            np.zeros((len(lengths), size), np.int64),
            np.ones((1, len(spelling.table.kind_of)), np.bool_),
        )

    @cached_property
    def _accepted(self) -> Accepted:
        tables = tuple(self.spelling.only(each) for each in self.allowed)
        inside = np.arange(self.choice.shape[1]) < np.array(self.lengths)[:, None]
        # Inside a character only a text that is cut off may end.
        ends = np.tile(~np.array(self.whole)[:, None], (1, STATES + 1))
        ends[:, 0], ends[:, _DEAD] = True, False
        # Beyond the text there may be any number.
        return Accepted(tables, np.where(inside, self.choice, UNREAD), np.array(self.start), ends)

    def draw(
        self, x_t: Tensor, free: Tensor, logits: Tensor, noise: Tensor, again: Tensor
    ) -> Tensor:
        """See :meth:`~sfumato.sampling.sampler.Language.draw`."""
        x0 = x_t.clone()
        x0[free] = draw(beliefs, noise[free], logits[free])
        bad = np.flatnonzero(~self._accepted.accepts(x0, free))
        most = max(1, _AT_ONCE // logits[0].numel())
        for low in range(0, len(bad), most):
            rows = bad[low : low + most]
            part = torch.from_numpy(rows).to(x_t.device)
            chain = self._accepted.rows(rows).given(x0[part], free[part], logits[part])
            x0[part] = chain.draw(again[part])
        return x0
