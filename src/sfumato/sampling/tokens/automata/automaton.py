"""Finite automata of characters: the sets of texts that a constraint allows.

An automaton is deterministic and complete. Characters that it treats alike form a class, so its
size does not depend on the number of characters.

Source: Hopcroft, Motwani and Ullman 2006, "Introduction to Automata Theory, Languages, and
Computation", sections 2.2 (deterministic automata), 4.2.1 (products) and 4.4 (minimal automata).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import SettingError

MOST_STATES = 4096
"""The largest number of states of an automaton while it is built."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic automaton of characters, with S states and C classes of characters.

    State 0 is the start. In the last state, which always exists, no text can be completed; it is
    the start if no text is accepted.

    Attributes:
        starts: The first code points of intervals of characters, ascending from 0, int64 (I,).
        classes: The class of the characters of each interval, int64 (I,), in [0, C).
        moves: The state after a character of each class in each state, int64 (S, C).
        accepting: The states in which a text may end, bool (S,).
    """

    starts: Ints
    classes: Ints
    moves: Ints
    accepting: Bools

    @property
    def dead(self) -> int:
        """The state in which no text can be completed."""
        return len(self.moves) - 1

    @property
    def is_empty(self) -> bool:
        """Whether there is no text that it accepts."""
        return not bool(self.accepting.any())

    def class_of(self, points: Ints) -> Ints:
        """The classes of code points."""
        found: Ints = self.classes[np.searchsorted(self.starts, points, "right") - 1]
        return found

    def accepts(self, text: str) -> bool:
        """Whether a text is one of the language."""
        state = 0
        for kind in self.class_of(np.array([ord(one) for one in text], np.int64)):
            state = int(self.moves[state, kind])
        return bool(self.accepting[state])

    def minimal(self) -> Automaton:
        """The automaton with the fewest states of the same language (Moore's refinement)."""
        reached = np.zeros(len(self.moves), np.bool_)
        reached[0], front = True, np.array([0])
        while len(front):
            front = np.unique(self.moves[front])
            front = front[~reached[front]]
            reached[front] = True
        # A dead state of its own, at the end, so that there always is one.
        reached = np.append(reached, True)
        whole = np.vstack([self.moves, np.full((1, self.moves.shape[1]), len(self.moves))])
        moves = (np.cumsum(reached) - 1)[whole[reached]]
        accepting = np.append(self.accepting, False)[reached]
        # States whose shortest completions differ in length are different: a good first division.
        distances = _distances(moves, accepting)
        group, count = np.unique(distances, return_inverse=True)[1].reshape(-1), 0
        while count < (count := int(group.max()) + 1):
            rows = np.column_stack([group, group[moves]])
            group = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
        _, first = np.unique(group, return_index=True)
        # One state for each group, in the order of their first states, but the dead one last.
        order = np.lexsort((first, np.arange(len(first)) == group[-1]))
        place = np.argsort(order)
        chosen = first[order]
        moves = place[group[moves[chosen]]]
        return Automaton(self.starts, self.classes, moves, accepting[chosen])

    def without_empty(self) -> Automaton:
        """The automaton of the same texts but the empty one."""
        if not self.accepting[0]:
            return self
        # A new start, which nothing leads back to.
        moves = np.vstack([self.moves[:1], self.moves]) + 1
        return Automaton(self.starts, self.classes, moves, np.append(False, self.accepting))

    def both(self, other: Automaton) -> Automaton:
        """The automaton of the texts that both accept.

        Raises:
            SettingError: It would be larger than ``MOST_STATES``.
        """
        starts = np.union1d(self.starts, other.starts)
        pairs = np.column_stack([self.class_of(starts), other.class_of(starts)])
        kinds, classes = np.unique(pairs, axis=0, return_inverse=True)
        width = len(other.moves)
        codes, done = np.array([0]), 0
        rows: list[Ints] = []
        number = {0: 0}
        while done < len(codes):
            mine, theirs = np.divmod(codes[done:], width)
            done = len(codes)
            after = self.moves[mine][:, kinds[:, 0]] * width + other.moves[theirs][:, kinds[:, 1]]
            for code in np.unique(after).tolist():
                number.setdefault(code, len(number))
            require_small(len(number))
            rows.append(np.vectorize(number.__getitem__, otypes=[np.int64])(after))
            codes = np.fromiter(number, np.int64)
        mine, theirs = np.divmod(codes, width)
        accepting = self.accepting[mine] & other.accepting[theirs]
        dead = np.full((1, len(kinds)), len(codes))
        moves = np.vstack([*rows, dead])
        both = Automaton(starts, classes.reshape(-1), moves, np.append(accepting, False))
        return both.minimal()


def of_words(words: Iterable[str]) -> Automaton:
    """The automaton of some words: the smallest graph of their letters.

    Raises:
        SettingError: The graph would be larger than ``MOST_STATES``.
    """
    words = list(words)
    letters = sorted({ord(letter) for word in words for letter in word})
    # Class 0 is that of all other characters.
    class_of = {point: place + 1 for place, point in enumerate(letters)}
    # A node is its children by their class, and under 0 whether a word ends there. Words that end
    # alike share nodes, and of a sorted list only the branch of the last word still grows.
    known: dict[tuple[tuple[int, int], ...], int] = {}
    branch: list[dict[int, int]] = [{}]
    last: list[int] = []
    for word in sorted([class_of[ord(one)] for one in word] for word in set(words)):
        shared = next(
            (k for k, (a, b) in enumerate(zip(word, last, strict=False)) if a != b),
            min(len(word), len(last)),
        )
        _close(branch, last, shared, known)
        branch += [{} for _ in word[shared:]]
        branch[-1][0] = 0
        last = word
    _close(branch, last, 0, known)
    start = known.setdefault(tuple(sorted(branch[0].items())), len(known))
    require_small(len(known))
    return _of_nodes(list(known), start, letters).minimal()


def _close(
    branch: list[dict[int, int]],
    word: list[int],
    depth: int,
    known: dict[tuple[tuple[int, int], ...], int],
) -> None:
    """Give the nodes of a branch below a depth their numbers."""
    while len(branch) > depth + 1:
        node = tuple(sorted(branch.pop().items()))
        branch[-1][word[len(branch) - 1]] = known.setdefault(node, len(known))
        require_small(len(known))


def _of_nodes(
    nodes: list[tuple[tuple[int, int], ...]], start: int, letters: list[int]
) -> Automaton:
    dead = len(nodes)
    moves = np.full((dead + 1, len(letters) + 1), dead)
    accepting = np.zeros(dead + 1, np.bool_)
    # The start has to be number 0.
    place = np.arange(dead + 1)
    place[[0, start]] = place[[start, 0]]
    for number, node in enumerate(nodes):
        for kind, child in node:
            if kind:
                moves[place[number], kind] = place[child]
            else:
                accepting[place[number]] = True
    starts, classes = [0], [0]
    for kind, point in enumerate(letters, 1):
        if starts[-1] == point:
            classes[-1] = kind
        else:
            starts.append(point)
            classes.append(kind)
        starts.append(point + 1)
        classes.append(0)
    return Automaton(np.array(starts), np.array(classes), moves, accepting)


def require_small(states: int) -> None:
    """Check that an automaton stays small.

    Raises:
        SettingError: It has more than ``MOST_STATES`` states.
    """
    if states > MOST_STATES:
        raise SettingError(
            "The constraint is too large.",
            why=f"it needs more than {MOST_STATES:,} states",
            hint="use a simpler pattern with smaller numbers of repetitions, or fewer words.",
        )


def _distances(moves: Ints, accepting: Bools) -> NDArray[np.float64]:
    """The length of the shortest completion in each state, (S,); inf where there is none."""
    distance = np.where(accepting, 0.0, np.inf)
    while True:
        closer = np.minimum(distance, 1 + distance[moves].min(1))
        if np.array_equal(closer, distance):
            return distance
        distance = closer
