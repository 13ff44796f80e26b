"""Regular expressions, against Python's own ``re``."""

from __future__ import annotations

import random
import re

import pytest

from sfumato.errors import SettingError
from sfumato.sampling.tokens.automata import of_pattern

PARTS = (
    *("a", "b", "é", ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[ab]", "[^a]", "[a-c1]"),
    *(r"[^\d\s]", r"[\w-]", r"\x62", r"\u00e9", r"\n", "[]a]", "[a-]", r"\.", ""),
)
COUNTS = ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "{,2}", "{0}", "*?", "+?", "??", "{1,2}?"]


def some_pattern(draw: random.Random, depth: int) -> str:
    kind = draw.random()
    if depth == 0 or kind < 0.3:
        return draw.choice(PARTS)
    if kind < 0.55:
        return some_pattern(draw, depth - 1) + some_pattern(draw, depth - 1)
    if kind < 0.7:
        return f"({some_pattern(draw, depth - 1)}|{some_pattern(draw, depth - 1)})"
    return f"(?:{some_pattern(draw, depth - 1)}){draw.choice(COUNTS)}"


def test_the_same_texts_match_as_in_python() -> None:
    draw = random.Random(1)
    matched = 0
    for _ in range(300):
        pattern = some_pattern(draw, 4)
        automaton = of_pattern(pattern)
        for _ in range(15):
            text = "".join(draw.choice("aabbc1é \n_-.]") for _ in range(draw.randint(0, 6)))
            expected = re.fullmatch(pattern, text) is not None
            assert automaton.accepts(text) == expected, (pattern, text)
            matched += expected
    assert 250 < matched < 4250


@pytest.mark.parametrize("category", [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", "[^a-z]"])
def test_sets_hold_the_characters_of_python(category: str) -> None:
    automaton = of_pattern(category)
    for point in range(0, 0x30000, 7):
        if not 0xD800 <= point < 0xE000:
            expected = re.fullmatch(category, chr(point)) is not None
            assert automaton.accepts(chr(point)) == expected, hex(point)


def test_what_could_not_be_read_matches_nothing() -> None:
    for pattern in (".", "[^a]", "\ufffd", r"\ufffd", r"\W", r"\ud800", "[\ue000-\uffff]"):
        assert not of_pattern(pattern).accepts("\ufffd")
    assert of_pattern(r"\ud800").is_empty


@pytest.mark.parametrize(
    ("pattern", "place", "why"),
    [
        ("(a", 1, "not closed"),
        ("a)", 2, "without its"),
        ("x[a", 2, "not closed"),
        ("a**", 3, "repeated"),
        ("a{2}{3}", 5, "repeated"),
        ("*a", 1, "nothing to repeat"),
        ("a|+", 3, "nothing to repeat"),
        ("a{3,1}", 2, "wrong order"),
        ("a{", 2, "no repetition"),
        ("a{x}", 2, "no repetition"),
        (r"a\b", 2, "not known"),
        (r"(a)\1", 4, "not known"),
        ("^a", 1, "no character"),
        ("a$", 2, "no character"),
        ("(?=a)", 2, "only groups"),
        ("(?P<n>a)", 2, "only groups"),
        ("(?i)a", 2, "only groups"),
        ("[z-a]", 2, "not a range"),
        (r"[\d-z]", 2, "not a range"),
        ("a\\", 3, "too early"),
        (r"\x4", 3, "hexadecimal"),
        (r"\UFFFFFFFF", 3, "no character"),
        ("(" * 50 + ")" * 50, 42, "nested"),
    ],
)
def test_what_cannot_be_understood_is_shown_with_its_place(
    pattern: str, place: int, why: str
) -> None:
    with pytest.raises(SettingError, match=rf"(?s)at character {place}\..*{why}"):
        of_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "x" * 2001,
        "a{1001}",
        "(a{100}){100}",
        "((((a{99}){99}){99}){99}){99}",
        "((){999999}){999999}",
        "((((a*){0}){99999}){99999}|b){99999}",
        "(a|b)*a(a|b){12}",
        "(.{1,20},){10}",
        "(a?){900}(a?b?){90}",
    ],
)
def test_large_ones_are_refused_before_they_grow(pattern: str) -> None:
    with pytest.raises(SettingError, match=r"too (large|long)"):
        of_pattern(pattern)


def test_the_largest_that_are_not_refused() -> None:
    assert of_pattern("(a|b)*a(a|b){10}").accepts("a" + "ab" * 5)
    assert of_pattern(".{900}").accepts("x" * 900)
    assert not of_pattern(".{900}").accepts("x" * 899)
