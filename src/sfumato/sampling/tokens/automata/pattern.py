"""Regular expressions as automata.

Source: Glushkov 1961, "The abstract theory of automata", for the automaton whose states are the
places of an expression; Hopcroft, Motwani and Ullman 2006, section 2.3.5 for sets of states.
"""

from __future__ import annotations

import numpy as np

from sfumato.errors import SettingError
from sfumato.sampling.tokens.automata.automaton import Automaton, Ints, require_small
from sfumato.sampling.tokens.automata.characters import CODE_POINTS, Bounds
from sfumato.sampling.tokens.automata.expression import (
    Alternation,
    CharacterSet,
    Concatenation,
    Node,
    Repetition,
    parsed,
    shortened,
)

MOST_PLACES = 1000
"""The largest number of characters and sets in a pattern, with repeated ones counted each time."""


def of_pattern(pattern: str) -> Automaton:
    """The automaton of a regular expression.

    Raises:
        SettingError: The expression cannot be understood, or its automaton is too large; the
            message names the place.
    """
    tree = parsed(pattern)
    if (places := _places(tree)) > MOST_PLACES:
        raise SettingError(
            f"The pattern {shortened(pattern)} is too large.",
            why=f"written out it has {places:,} characters; at most {MOST_PLACES:,} are allowed",
            hint="use smaller numbers of repetitions, or + and *",
        )
    return _Places(tree).automaton().minimal()


class _Places:
    """The automaton of the places of an expression: its states are the characters just read.

    Sets of places are the bits of an integer.
    """

    def __init__(self, tree: Node) -> None:
        self.sets: list[Bounds] = []
        self.after: list[int] = []
        self.can_be_empty, self.first, self.last = self._part(tree)

    def _part(self, node: Node) -> tuple[bool, int, int]:
        """Whether the part matches the empty text, and its first and last places."""
        match node:
            case CharacterSet(bounds):
                self.sets.append(bounds)
                self.after.append(0)
                own = 1 << (len(self.sets) - 1)
                return False, own, own
            case Concatenation(parts):
                found = (True, 0, 0)
                for part in parts:
                    found = self._then(found, self._part(part))
                return found
            case Alternation(parts):
                several = [self._part(part) for part in parts]
                first = last = 0
                for one in several:
                    first, last = first | one[1], last | one[2]
                return any(one[0] for one in several), first, last
            case Repetition(part, least, most):
                return self._copies(part, least, most)

    def _copies(self, part: Node, least: int, most: int | None) -> tuple[bool, int, int]:
        found = (True, 0, 0)
        if most is None:
            for _ in range(least - 1):
                found = self._then(found, self._part(part))
            empty, first, last = self._part(part)
            self._link(last, first)
            return self._then(found, (empty or least == 0, first, last))
        # (a(a(a)?)?)?, in which a place leads to one copy, not to all that follow.
        for copy in range(most, 0, -1):
            empty, first, last = self._then(self._part(part), found)
            found = (empty or copy > least, first, last)
        return found

    def _then(
        self, one: tuple[bool, int, int], other: tuple[bool, int, int]
    ) -> tuple[bool, int, int]:
        self._link(one[2], other[1])
        first = one[1] | (other[1] if one[0] else 0)
        last = other[2] | (one[2] if other[0] else 0)
        return one[0] and other[0], first, last

    def _link(self, places: int, more: int) -> None:
        for place in _bits(places):
            self.after[place] |= more

    def automaton(self) -> Automaton:
        """The automaton of the sets of places.

        Raises:
            SettingError: It has too many states.
        """
        starts, classes, members = self._classes()
        number: dict[int, int] = {}
        rows: list[list[int]] = []
        # The start is a place before the first, with the next free bit.
        before = 1 << len(self.sets)
        pending = [number.setdefault(before, 0) or before]
        for state in pending:
            follow = self.first if state == before else 0
            for place in _bits(state & (before - 1)):
                follow |= self.after[place]
            row = []
            for member in members:
                after = follow & member
                if after not in number:
                    number[after] = len(number)
                    require_small(len(number))
                    pending.append(after)
                row.append(number[after])
            rows.append(row)
        ends = [
            bool(state & self.last) or (state == before and self.can_be_empty) for state in number
        ]
        dead = len(number)
        moves = np.array([*rows, [dead] * len(members)], np.int64).reshape(dead + 1, -1)
        return Automaton(starts, classes, moves, np.array([*ends, False]))

    def _classes(self) -> tuple[Ints, Ints, list[int]]:
        """The intervals of characters, their classes, and the places that each class fits."""
        different = list(dict.fromkeys(self.sets))
        starts = np.unique(np.array([0, *(at for each in different for at in each)]))
        starts = starts[starts < CODE_POINTS]
        inside = [np.searchsorted(np.array(each), starts, "right") % 2 for each in different]
        table = np.array(inside, np.int64).reshape(len(different), len(starts)).T
        kinds, classes = np.unique(table, axis=0, return_inverse=True)
        column = {bounds: place for place, bounds in enumerate(different)}
        members = [
            sum(1 << at for at, bounds in enumerate(self.sets) if kind[column[bounds]])
            for kind in kinds.tolist()
        ]
        return starts, classes.reshape(-1), members


def _places(node: Node) -> int:
    """The number of characters of an expression that is written out."""
    match node:
        case CharacterSet():
            return 1
        case Concatenation(parts) | Alternation(parts):
            return max(1, sum(map(_places, parts)))
        case Repetition(part, least, most):
            return _places(part) * max(1, least if most is None else most)


def _bits(number: int) -> list[int]:
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found
