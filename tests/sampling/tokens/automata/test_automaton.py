"""Automata: words, products, and that no smaller automaton has the same language."""

from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pytest

from sfumato.errors import SettingError
from sfumato.sampling.tokens.automata import Automaton, of_pattern, of_words


def texts(letters: str, most: int) -> list[str]:
    return ["".join(t) for n in range(most + 1) for t in itertools.product(letters, repeat=n)]


def distinguishable(automaton: Automaton) -> bool:
    """Whether all states differ, by filling the table of pairs (Hopcroft et al. 2006, 4.4.1)."""
    ends = automaton.accepting
    different = ends[:, None] != ends[None, :]
    while True:
        after = different[automaton.moves[:, None, :], automaton.moves[None, :, :]].any(2)
        if not (after & ~different).any():
            break
        different |= after
    return bool((different | np.eye(len(ends), dtype=bool)).all())


PATTERNS = (
    *("a*", "a+b|b?c+", "(a|b)*a(a|b){3}", "(ab|ba)*", "a{2,5}", ".*a.*b", "[ab]", "", "(a|b)*"),
    r"\d{4}",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_automata_are_minimal(pattern: str) -> None:
    automaton = of_pattern(pattern)
    assert distinguishable(automaton)
    assert (automaton.moves[automaton.dead] == automaton.dead).all()
    assert not automaton.accepting[automaton.dead]


def test_the_numbers_of_states() -> None:
    """Known sizes, with the dead state: words that agree from a place on share their states."""
    assert len(of_pattern("a*").moves) == 2
    assert len(of_pattern("(a|b)*a(a|b){3}").moves) == 2**4 + 1
    assert len(of_words(["abc", "xbc", "ybc"]).moves) == 5
    assert len(of_words(["a"]).moves) == 3


def test_words() -> None:
    draw = random.Random(0)
    words = {"".join(draw.choices("etao", k=draw.randint(1, 6))) for _ in range(300)}
    automaton = of_words(words)
    assert distinguishable(automaton)
    for text in texts("etao", 6):
        assert automaton.accepts(text) == (text in words)
    assert not of_words(["ab", "é"]).accepts("a")
    assert of_words(["ab", "é"]).accepts("é")


def test_the_order_of_words_does_not_matter() -> None:
    words = ["red", "green", "greener", "blue", "r", "grey"]
    first, last = of_words(words), of_words(reversed(words))
    assert np.array_equal(first.moves, last.moves)
    assert np.array_equal(first.accepting, last.accepting)


@pytest.mark.parametrize(
    ("one", "other"), [("a*", "(aa)*b?"), ("a|b", "b|c"), (r"\w+", "[^b]*"), ("a", "b"), (".*", "")]
)
def test_both(one: str, other: str) -> None:
    both = of_pattern(one).both(of_pattern(other))
    assert distinguishable(both)
    for text in texts("abc", 4):
        expected = bool(re.fullmatch(one, text) and re.fullmatch(other, text))
        assert both.accepts(text) == expected


def test_words_that_match_a_pattern() -> None:
    both = of_words(["red", "green", "blue"]).both(of_pattern(".{3,4}"))
    assert [word for word in ("red", "green", "blue", "rea") if both.accepts(word)] == [
        "red",
        "blue",
    ]


def test_a_product_that_is_too_large_is_refused() -> None:
    one, other = of_pattern("(.{37})*"), of_pattern("(.{211})*")
    with pytest.raises(SettingError, match="too large"):
        one.both(other)


def test_without_the_empty_text() -> None:
    for pattern in ("a*", "(ab)*", "a?b?", "a", ""):
        without = of_pattern(pattern).without_empty()
        for text in texts("ab", 4):
            assert without.accepts(text) == bool(text and re.fullmatch(pattern, text))


def test_too_many_words_are_refused() -> None:
    draw = random.Random(0)
    words = {"".join(draw.choices("abcdefghijklmnop", k=12)) for _ in range(3000)}
    with pytest.raises(SettingError, match=r"(?s)too large.*fewer words"):
        of_words(words)
