from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.metrics.number_words import LARGEST, cardinal, ordinal

NAMES = {cardinal(n): n for n in range(20)} | {cardinal(n): n for n in range(20, 100, 10)}


def read(words: str) -> int:
    """The number that words say, by adding up and multiplying."""
    total, part = 0, 0
    for word in words.split():
        if word == "thousand":
            total, part = part * 1000, 0
        elif word == "hundred":
            part *= 100
        else:
            part += NAMES[word]
    return total + part


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (115, "one hundred fifteen"),
        (1000, "one thousand"),
        (1001, "one thousand one"),
        (20_300, "twenty thousand three hundred"),
        (LARGEST, "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_some_numbers(number: int, words: str) -> None:
    assert cardinal(number) == words


@given(st.integers(0, LARGEST))
def test_words_can_be_read_back(number: int) -> None:
    assert read(cardinal(number)) == number


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zeroth"),
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (4, "fourth"),
        (5, "fifth"),
        (8, "eighth"),
        (9, "ninth"),
        (12, "twelfth"),
        (13, "thirteenth"),
        (20, "twentieth"),
        (21, "twenty first"),
        (90, "ninetieth"),
        (100, "one hundredth"),
        (1012, "one thousand twelfth"),
        (5000, "five thousandth"),
    ],
)
def test_some_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@pytest.mark.parametrize("number", [-1, LARGEST + 1])
def test_there_are_limits(number: int) -> None:
    with pytest.raises(ValueError, match="not within"):
        cardinal(number)
    with pytest.raises(ValueError, match="not within"):
        ordinal(number)
