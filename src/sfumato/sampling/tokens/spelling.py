"""Drawing tokens of bytes so that together they are text: exact, by the automaton of UTF-8.

Tokens that are drawn independently of each other can be valid one by one and no characters
together. Here they are drawn from their joint distribution given that the whole row is valid UTF-8:

    p(x) = prod_i p_i(x_i) [x is valid] / Z.

First they are drawn independently. A row that is valid is a draw from ``p``; else the row is drawn
again along the chain of the automaton's states, backward for the sums and forward for the draws
(as in Rabiner 1989, section III), which is a draw from ``p`` too. So valid rows cost next to
nothing. Any part of a valid row can be completed, so a sampler that reveals a part of the tokens
never ends in a place where no character fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.sampling.tokens.sampler import beliefs, draw

STATES = 10
"""Number of states: 0 is between characters, the others are inside one."""
_DEAD = STATES
# A token of probability 0 is drawn only where nothing else makes a character.
_LEAST = 1e-18
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
        self.moves = np.stack([_moves(tokens, given), _moves(tokens, drawn)])
        kinds, self.kind_of = np.unique(self.moves[1], axis=0, return_inverse=True)
        self.kinds = kinds

    def state(self, tokens: NDArray[np.int64]) -> int:
        """The state after some tokens; 0 if they are not valid."""
        state = 0
        for token in tokens.tolist():
            state = int(self.moves[0, token, state])
        return 0 if state == _DEAD else state


def _moves(tokens: Sequence[bytes], of_bytes: NDArray[np.int64]) -> NDArray[np.int64]:
    moves = np.empty((len(tokens), STATES + 1), np.int64)
    for number, data in enumerate(tokens):
        states = np.arange(STATES + 1)
        for byte in data:
            states = of_bytes[byte][states]
        moves[number] = states
    return moves


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
            np.ones((1, len(spelling.kind_of)), np.bool_),
        )

    def draw(
        self, x_t: Tensor, free: Tensor, logits: Tensor, noise: Tensor, again: Tensor
    ) -> Tensor:
        """See :meth:`~sfumato.sampling.sampler.Language.draw`."""
        x0 = x_t.clone()
        x0[free] = draw(beliefs, noise[free], logits[free])
        bad = np.flatnonzero(~self._accepts(_numpy(x0), _numpy(free)))
        most = max(1, _AT_ONCE // logits[0].numel())
        for low in range(0, len(bad), most):
            rows = bad[low : low + most]
            part = torch.from_numpy(rows).to(x_t.device)
            x0[part] = self._exact(rows, x0[part], free[part], logits[part], again[part])
        return x0

    def _accepts(self, x0: NDArray[np.int64], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each row is valid, bool (B,)."""
        moves, lengths = self.spelling.moves, np.array(self.lengths)
        fine = self.allowed[self.choice, np.minimum(x0, moves.shape[1] - 1)] | ~free
        good: NDArray[np.bool_] = fine.all(1)
        state = np.array(self.start)
        for place in range(x0.shape[1]):
            inside = place < lengths
            # Beyond the text there may be any number.
            token = np.where(inside, x0[:, place], 0)
            after = moves[free[:, place].astype(int), token, state]
            state = np.where(inside, after, state)
        good &= (state != _DEAD) & ((state == 0) | ~np.array(self.whole))
        return good

    def _exact(
        self, rows: NDArray[np.int64], x0: Tensor, free: Tensor, logits: Tensor, noise: Tensor
    ) -> Tensor:
        """Draw some rows along the chain of states; a row that cannot be valid stays ``x0``."""
        chain = _Chain(self, rows, _numpy(x0), _numpy(free), self._masses(rows, logits))
        kinds, rest, possible = chain.drawn(_numpy(noise))
        places = free & torch.from_numpy(possible)[:, None].to(free.device)
        kind_of = torch.from_numpy(self.spelling.kind_of).to(free.device)
        choice = torch.from_numpy(self.choice[rows]).to(free.device)
        allowed = torch.from_numpy(self.allowed).to(free.device)

        def of_kind(part: Tensor, kind: Tensor, sets: Tensor) -> Tensor:
            fits = (kind_of == kind) & allowed[sets[:, 0]]
            return (beliefs(part) + _LEAST) * fits

        chosen = torch.from_numpy(kinds).to(free.device)[places][:, None]
        u = torch.from_numpy(rest).to(free.device)[places]
        if len(u):
            x0[places] = draw(of_kind, u, logits[places], chosen, choice[places][:, None])
        return x0

    def _masses(self, rows: NDArray[np.int64], logits: Tensor) -> NDArray[np.float64]:
        """The probability of each kind of token at every place, (b, L, K)."""
        kinds = len(self.spelling.kinds)
        kind_of = torch.from_numpy(self.spelling.kind_of).to(logits.device)
        allowed = torch.from_numpy(self.allowed).to(logits.device)
        masses = []
        for row, own in zip(rows, logits, strict=True):
            fits = allowed[torch.from_numpy(self.choice[row]).to(logits.device)]
            p = (beliefs(own) + _LEAST) * fits
            mass = torch.zeros(len(own), kinds, dtype=p.dtype, device=p.device)
            masses.append(_numpy(mass.index_add_(1, kind_of, p)))
        return np.stack(masses)


class _Chain:
    """The chain of the states of some rows.

    Args:
        spelled: What may be drawn.
        rows: Numbers of the rows.
        x0: Their tokens, of which those that are not free are given, (b, L).
        free: The places to draw, bool (b, L).
        masses: The probability of each kind of token at every place, (b, L, K).
    """

    def __init__(
        self,
        spelled: Spelled,
        rows: NDArray[np.int64],
        x0: NDArray[np.int64],
        free: NDArray[np.bool_],
        masses: NDArray[np.float64],
    ) -> None:
        self._moves = spelled.spelling.moves[0]
        self._kinds = spelled.spelling.kinds
        self._x0, self._free, self._masses = x0, free, masses
        self._lengths = np.array(spelled.lengths)[rows]
        self._start = np.array(spelled.start)[rows]
        self._whole = np.array(spelled.whole)[rows]
        self._rows = np.arange(len(rows))

    def drawn(
        self, noise: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """The kind of token at every place, what its draw leaves of the noise, and whether a row
        can be valid: (b, L), (b, L), (b,).
        """
        sums = self._sums()
        state = self._start.copy()
        possible = sums[0][self._rows, state] > 0
        kinds, rest = np.zeros(noise.shape, np.int64), np.zeros(noise.shape)
        for place in range(noise.shape[1]):
            after = self._kinds[:, state].T
            weights = self._masses[:, place] * np.take_along_axis(sums[place + 1], after, 1)
            edges = weights.cumsum(1)
            level = noise[:, place] * edges[:, -1]
            kind = (np.where(weights > 0, edges, -1.0) > level[:, None]).argmax(1)
            weight = weights[self._rows, kind]
            below = edges[self._rows, kind] - weight
            kinds[:, place] = kind
            share = (level - below) / np.where(weight > 0, weight, 1.0)
            rest[:, place] = share.clip(0, np.nextafter(1.0, 0.0))
            given = self._moves[np.where(self._inside(place), self._x0[:, place], 0), state]
            moved = np.where(self._free[:, place], after[self._rows, kind], given)
            state = np.where(self._inside(place), moved, state)
        return kinds, rest, possible

    def _inside(self, place: int) -> NDArray[np.bool_]:
        return place < self._lengths

    def _sums(self) -> list[NDArray[np.float64]]:
        """For every place the probability, up to a factor, that what follows is valid in each
        state: L + 1 arrays (b, STATES + 1).
        """
        last = np.ones((len(self._rows), STATES + 1))
        last[:, _DEAD] = 0
        last[self._whole, 1:] = 0
        sums = [last]
        for place in reversed(range(self._x0.shape[1])):
            after = sums[-1]
            drawn = np.einsum("bk,bks->bs", self._masses[:, place], after[:, self._kinds])
            token = np.where(self._inside(place), self._x0[:, place], 0)
            given = np.take_along_axis(after, self._moves[token], 1)
            now = np.where(self._free[:, place, None], drawn, given)
            now = np.where(self._inside(place)[:, None], now, after)
            now[:, _DEAD] = 0
            sums.append(now / np.maximum(now.max(1, keepdims=True), np.finfo(float).tiny))
        return sums[::-1]


def _numpy(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.cpu().numpy()
    return array
