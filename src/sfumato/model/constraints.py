"""Constraints on what a gap may hold: regular expressions and lists of words, as automata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sfumato.errors import DataError, SettingError
from sfumato.media.text.tokens import Tokenizer, described
from sfumato.model.text_file import text_of
from sfumato.sampling.tokens.automata import Automaton, of_pattern, of_words
from sfumato.sampling.tokens.automata.expression import shortened

_LARGEST = 1 << 20
_AT_WORK = "use a shorter list."


def constraint_of(
    tokenizer: Tokenizer, patterns: Sequence[str], words: Sequence[str], gaps: int
) -> list[Automaton] | None:
    """What each gap may hold.

    Args:
        tokenizer: The tokenizer of the run.
        patterns: One regular expression for all gaps, or one for each; none for no such constraint.
        words: Words, several of them separated by commas; or ``@FILE`` for a file with one word on
            every line. With a pattern too, they have to match it.
        gaps: The number of gaps.

    Returns:
        An automaton for each gap, the same object for equal ones; None if there is no constraint.

    Raises:
        SettingError: A pattern cannot be understood, the number of patterns is not that of the
            gaps, there are no words, or nothing satisfies the constraint.
        DataError: A file of words cannot be read, or a word has a character that the model has
            never seen.
    """
    if not patterns and not words:
        return None
    if len(patterns) not in (0, 1, gaps):
        raise SettingError(
            f"There are {len(patterns)} patterns, and {gaps} gap{'s' * (gaps > 1)} in the text.",
            hint="give one pattern for all gaps, or one for each.",
        )
    allowed = of_words(_words(tokenizer, words)) if words else None
    known: dict[str, Automaton] = {}
    for pattern in patterns:
        if pattern not in known:
            known[pattern] = _one(tokenizer, pattern, allowed)
    several = [known[pattern] for pattern in patterns]
    if allowed is not None and not patterns:
        several = [allowed]
    return several if len(several) == gaps else several * gaps


def _one(tokenizer: Tokenizer, pattern: str, words: Automaton | None) -> Automaton:
    found = of_pattern(pattern).without_empty().minimal()
    if found.is_empty:
        raise SettingError(
            f"The pattern {shortened(pattern)} matches nothing that can fill a gap.",
            why="a filling has at least one character",
        )
    if tokenizer.pieces is None and not _is_known(tokenizer, found):
        raise SettingError(
            f"The pattern {shortened(pattern)} matches nothing that the model can write.",
            why="it needs characters that the model has never seen",
            hint="use characters of the training data; or train a model with "
            "medium.tokens=bytes, which can write everything.",
        )
    if words is None:
        return found
    both = found.both(words)
    if both.is_empty:
        raise SettingError(
            f"None of the words matches the pattern {shortened(pattern)}.",
            hint="a word has to match as a whole.",
        )
    return both


def _is_known(tokenizer: Tokenizer, automaton: Automaton) -> bool:
    """Whether a text of characters with tokens of their own is accepted."""
    tokens = [each for each in range(tokenizer.size) if each not in tokenizer.forbidden]
    kinds = np.unique(automaton.class_of(np.array([ord(tokenizer.decode([t])) for t in tokens])))
    reached, front = {0}, [0]
    while front:
        found = set(np.unique(automaton.moves[front][:, kinds]).tolist()) - reached
        reached, front = reached | found, list(found)
    return bool(automaton.accepting[list(reached)].any())


def _words(tokenizer: Tokenizer, entries: Sequence[str]) -> list[str]:
    """All words of a list, of which entries may be several, or files."""
    found: list[str] = []
    for entry in entries:
        if entry.startswith("@"):
            parts = text_of(Path(entry[1:]), _LARGEST, _AT_WORK).split("\n")
        else:
            parts = entry.split(",")
        found += filter(None, (part.strip() for part in parts))
    if not found:
        raise SettingError(
            "The list of words is empty.",
            hint="--words red,green,blue, or --words @FILE with one word on every line",
        )
    for word in found:
        for character in word:
            if set(tokenizer.encode(character).tolist()) & set(tokenizer.forbidden):
                raise DataError(
                    f"The model has never seen {described(character)}, which is in the word "
                    f"'{word[:40]}'.",
                    why="its characters are those of its training data",
                    hint="leave the word out; or train a model with medium.tokens=bytes.",
                )
    return found
