"""What the gaps of a text may hold, as automata of the run's tokens.

Where words are split into pieces, the tokens beside a gap are chosen again, so the first token of a
gap may begin, and the last one end, with what is given. What is left of them is the filling.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sfumato.errors import SettingError
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.edges import Gap
from sfumato.sampling.tokens.automata import Automaton
from sfumato.sampling.tokens.automata.utf8 import byte_moves
from sfumato.sampling.tokens.chain import UNREAD, Accepted
from sfumato.sampling.tokens.tables import Bools, Ints, Table, lifted

# The largest number of moves in a table: 32 MiB.
_MOST_MOVES = 1 << 22


class _Letters:
    """An automaton of characters or of bytes, and the tokens of a run.

    Args:
        tokenizer: The tokenizer.
        automaton: The automaton of a text.

    Raises:
        SettingError: There are too many moves of tokens.
    """

    def __init__(self, tokenizer: Tokenizer, automaton: Automaton) -> None:
        self.tokenizer = tokenizer
        if tokenizer.pieces is None:
            points = np.array([ord(tokenizer.decode([each])) for each in range(tokenizer.size)])
            self._by_token = automaton.moves[:, automaton.class_of(points)].T
            self.ends = automaton.accepting
        else:
            self._of_bytes, self.ends = byte_moves(automaton)
        if len(self.ends) * tokenizer.size > _MOST_MOVES:
            raise SettingError(
                "The constraint is too large.",
                why=f"it has {len(self.ends):,} states, and the run {tokenizer.size:,} tokens",
                hint="use a simpler pattern, such as [a-z] in place of \\w, or fewer words.",
            )

    def moves(self, before: int = 0, after: int = 0, fits: Bools | None = None) -> Ints:
        """The state after what is left of each token, int64 (V, S); the dead state is the last.

        Args:
            before: The number of bytes to leave out at the beginning of a token.
            after: The number of bytes to leave out at its end.
            fits: The tokens that are possible, bool (V,); None for all.
        """
        if self.tokenizer.pieces is None:
            moves = self._by_token.copy()
        else:
            left = [piece[before : len(piece) - after] for piece in self.tokenizer.pieces]
            moves = lifted(left, self._of_bytes)
        moves[list(self.tokenizer.forbidden)] = len(self.ends) - 1
        if fits is not None:
            moves[~fits] = len(self.ends) - 1
        return moves


class GapLanguage:
    """The fillings of a gap that a constraint allows.

    The states are those of the automaton, then ``outside``, and then the dead one.

    Args:
        letters: The automaton.
        middle: The moves within the gap.
        gap: The gap.
        states: The number of states; more than needed stay unused.
    """

    def __init__(self, letters: _Letters, middle: Table, gap: Gap, states: int) -> None:
        self._letters, self._states = letters, states
        before = 0 if gap.before is None else len(gap.before.data)
        after = 0 if gap.after is None else len(gap.after.data)
        first = None if gap.before is None else gap.before.fits
        last = None if gap.after is None else gap.after.fits
        single = gap.joint
        if single is None:
            single = first if last is None else last
        self.middle = middle
        into = letters.moves(before, 0, first)[:, 0]
        self.first = self._entering(np.where(into == self._dead, states - 1, into))
        self.last = _table(self._leaving(letters.moves(0, after, last)))
        alone = letters.moves(before, after, single)[:, :1]
        self.single = self._entering(self._leaving(alone)[:, 0])

    @property
    def outside(self) -> int:
        """The state outside gaps."""
        return self._states - 2

    def _entering(self, moved: Ints) -> Table:
        """Moves that lead in from outside, to a state for each token, (V,)."""
        moves = np.full((len(moved), self._states), self._states - 1)
        moves[:, self.outside] = moved
        return _table(moves)

    def _leaving(self, moved: Ints) -> Ints:
        """Moves that lead out where the filling is complete, of those of the automaton."""
        moves = np.full((len(moved), self._states), self._states - 1)
        complete = np.append(self._letters.ends, [False] * (self._states - self._dead - 1))[moved]
        moves[:, : moved.shape[1]] = np.where(complete, self.outside, self._states - 1)
        return moves

    @property
    def _dead(self) -> int:
        return len(self._letters.ends) - 1

    def has(self, most: int) -> Bools:
        """Whether there is a filling of each number of tokens up to ``most``, bool (most + 1,)."""
        ends = np.arange(self._states) == self.outside
        found = np.zeros(most + 1, np.bool_)
        if most:
            found[1] = self.single.can(ends)[self.outside]
        ends = self.last.can(ends)
        for size in range(2, most + 1):
            found[size] = self.first.can(ends)[self.outside]
            ends = self.middle.can(ends)
        return found


def gap_languages(
    tokenizer: Tokenizer, gaps: Sequence[Gap], constraint: Sequence[Automaton]
) -> list[GapLanguage]:
    """The allowed fillings of each gap.

    Args:
        tokenizer: The tokenizer of the run.
        gaps: The gaps.
        constraint: The texts that each of them may hold.

    Raises:
        SettingError: A constraint is too large.
    """
    letters = {id(each): _Letters(tokenizer, each) for each in constraint}
    states = max(len(each.ends) for each in letters.values()) + 1
    middle = {}
    for key, each in letters.items():
        moves = each.moves()
        dead = len(each.ends) - 1
        wide = np.full((len(moves), states), states - 1)
        wide[:, :dead] = np.where(moves == dead, states - 1, moves)[:, :dead]
        middle[key] = _table(wide)
    return [
        GapLanguage(letters[id(each)], middle[id(each)], gap, states)
        for gap, each in zip(gaps, constraint, strict=True)
    ]


def accepted_rows(
    languages: Sequence[GapLanguage], spans: Sequence[Sequence[tuple[int, int]]], size: int
) -> Accepted:
    """The rows whose gaps hold what is allowed.

    Args:
        languages: The allowed fillings of each gap.
        spans: The begin and end of each gap of every row.
        size: Number of places of a row.
    """
    tables: dict[int, tuple[int, Table]] = {}

    def number(table: Table) -> int:
        return tables.setdefault(id(table), (len(tables), table))[0]

    choice = np.full((len(spans), size), UNREAD)
    for row, of_gaps in enumerate(spans):
        for language, (begin, end) in zip(languages, of_gaps, strict=True):
            choice[row, begin:end] = number(language.middle)
            choice[row, begin] = number(language.first)
            choice[row, end - 1] = number(language.last)
            if end - begin == 1:
                choice[row, begin] = number(language.single)
    outside = languages[0].outside
    ends = np.zeros((len(spans), outside + 2), np.bool_)
    ends[:, outside] = True
    every = tuple(table for _, table in tables.values())
    return Accepted(every, choice, np.full(len(spans), outside), ends)


def _table(moves: Ints) -> Table:
    return Table(moves, moves)
