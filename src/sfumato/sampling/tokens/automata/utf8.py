"""An automaton of characters as one of the bytes of UTF-8.

Between two characters it is in a state of the first automaton. Inside a character its state is the
states that each further byte leads to; such states are shared wherever they are equal.

Source: The Unicode Standard 15.0, table 3-7, for the bytes of a character.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.sampling.tokens.automata.automaton import Automaton, Bools, Ints, require_small
from sfumato.sampling.tokens.automata.characters import CODE_POINTS, NEVER

_PART = 64  # The number of bytes that continue a character, from 0x80 on.


def byte_moves(automaton: Automaton) -> tuple[Ints, Bools]:
    """The states of an automaton after each byte, and which are accepting.

    The states of the automaton keep their numbers, but the dead one, which is the last again.

    Returns:
        int64 (S, 256) and bool (S,).

    Raises:
        SettingError: There are more states than an automaton may have.
    """
    blocks = _Blocks(automaton)
    rows = _Rows(automaton.dead)
    moves = np.full((automaton.dead, 256), automaton.dead)
    for state in range(automaton.dead):
        # Class C is that of what is no character.
        after = np.append(automaton.moves[state], automaton.dead)
        moves[state, :0x80] = after[blocks.classes[:0x80]]
        third = rows.numbers(after[blocks.last])
        moves[state, 0xC2:0xE0] = third[blocks.of_two]
        second = rows.numbers(third[blocks.middle])
        moves[state, 0xE0:0xF0] = second[blocks.of_three]
        moves[state, 0xF0:0xF5] = rows.numbers(second[blocks.first])
    inside = np.array(rows.all, np.int64).reshape(-1, _PART)
    dead = automaton.dead + len(inside)
    more = np.full((len(inside) + 1, 256), automaton.dead)
    more[:-1, 0x80:0xC0] = inside
    whole = np.vstack([moves, more])
    # So far the dead state comes before the states inside characters.
    whole = np.where(whole == automaton.dead, dead, whole - (whole > automaton.dead))
    ends = np.append(automaton.accepting[:-1], np.zeros(len(inside) + 1, np.bool_))
    return whole, ends


class _Blocks:
    """The classes of all characters, in blocks of those that differ in their last bytes alone.

    Equal blocks are stored once.

    Attributes:
        classes: The class of each code point.
        last: The different blocks of 64 characters, as classes.
        middle: The different blocks of 64 such blocks.
        first: The blocks of 64 of these, for each first byte of four.
        of_two: The block of each first byte of two, from 0xC2 on.
        of_three: The block of each first byte of three, from 0xE0 on.
    """

    def __init__(self, automaton: Automaton) -> None:
        count = automaton.moves.shape[1]
        self.classes = automaton.class_of(np.arange(CODE_POINTS))
        never = self.classes.copy()
        for low, high in zip(NEVER[::2], NEVER[1::2], strict=True):
            never[low:high] = count
        self.last, block = _different(never.reshape(-1, _PART), count)
        self.of_two = block[2:0x20]
        nothing = _nothing(self.last, count)
        long = block.copy()
        # These characters have a shorter form.
        long[:0x20] = nothing
        self.middle, of_middle = _different(long.reshape(-1, _PART), nothing)
        nothing = _nothing(self.middle, nothing)
        self.of_three = of_middle[:0x10]
        padded = np.full(5 * _PART, nothing)
        padded[0x10 : len(of_middle)] = of_middle[0x10:]
        self.first = padded.reshape(-1, _PART)


def _different(rows: Ints, nothing: int) -> tuple[Ints, Ints]:
    """The different rows, with one of nothing at the end, and the number of each row."""
    found, number = np.unique(rows, axis=0, return_inverse=True)
    return np.vstack([found, np.full((1, _PART), nothing)]), number.reshape(-1)


def _nothing(blocks: Ints, nothing: int) -> int:
    """The first block of nothing."""
    return int(np.flatnonzero((blocks == nothing).all(1))[0])


class _Rows:
    """The different rows of states after a byte inside a character, numbered from ``dead + 1``.

    Args:
        dead: The number of a row that leads nowhere.
    """

    def __init__(self, dead: int) -> None:
        self._dead = dead
        self._number: dict[bytes, int] = {np.full(_PART, dead, np.int64).tobytes(): dead}
        self.all: list[NDArray[np.int64]] = []

    def numbers(self, rows: Ints) -> Ints:
        """The number of each row."""
        return np.array([self._number_of(row) for row in rows], np.int64)

    def _number_of(self, row: Ints) -> int:
        key = row.tobytes()
        if key not in self._number:
            self.all.append(row)
            self._number[key] = self._dead + len(self.all)
            require_small(self._dead + len(self.all))
        return self._number[key]
