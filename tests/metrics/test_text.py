from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.errors import DataError
from sfumato.metrics.text import (
    duplicate_share,
    known_words,
    ngram_distance,
    ngram_floor,
    token_entropy,
    vocabulary_of,
)

TEXTS = st.lists(st.text("abc", min_size=2, max_size=20), min_size=1, max_size=8)


@given(TEXTS, TEXTS, st.integers(1, 2))
def test_the_distance_is_a_bounded_and_symmetric_divergence(
    a: list[str], b: list[str], n: int
) -> None:
    distance = ngram_distance(a, b, n)
    assert 0 <= distance <= 1
    assert distance == pytest.approx(ngram_distance(b, a, n), abs=1e-12)
    assert ngram_distance(a, a, n) == 0
    assert ngram_distance(a, a * 3, n) == pytest.approx(0, abs=1e-12)


def test_distances_known_by_hand() -> None:
    assert ngram_distance(["aaa"], ["bb"], 1) == 1
    # (1/2, 1/2) against (1, 0): their mixture is (3/4, 1/4).
    expected = (0.5 * math.log2(2 / 3) + 0.5 * math.log2(2) + math.log2(4 / 3)) / 2
    assert ngram_distance(["ab"], ["aaa"], 1) == pytest.approx(expected)
    # The same characters in another order differ in pairs only.
    assert ngram_distance(["abab"], ["aabb"], 1) == 0
    assert ngram_distance(["abab"], ["aabb"], 2) > 0.1


def test_runs_do_not_cross_texts() -> None:
    assert ngram_distance(["ab", "cd"], ["ab", "cd", "x"], 2) == 0
    assert ngram_distance(["abcd"], ["ab", "cd"], 2) > 0


def test_words_are_tokens_too() -> None:
    assert ngram_distance([["to", "be"]], [("be", "to")], 1) == 0
    assert ngram_distance([["to", "be"]], [("be", "to")], 2) == 1


def test_too_short_for_a_run() -> None:
    with pytest.raises(DataError, match="no n-gram of 3 tokens"):
        ngram_distance(["abc"], ["ab", ""], 3)


def test_the_floor_is_the_distance_of_two_samples_of_one_law() -> None:
    letters = np.random.default_rng(0).choice(list("abcdefgh"), (800, 50))
    texts = ["".join(row) for row in letters]
    floors = [ngram_floor(texts, 2, size) for size in (10, 40, 400)]
    assert floors == sorted(floors, reverse=True)
    # Chi-square: two samples of n from 64 cells are (64 - 1) / (4 n ln 2) bits apart on average.
    pairs = 400 * 49
    assert floors[-1] == pytest.approx(63 / (4 * math.log(2) * pairs), rel=0.5)
    assert ngram_distance(texts[:400], [text.replace("h", "a") for text in texts[400:]], 2) > 0.05


def test_the_floor_takes_different_texts() -> None:
    assert ngram_floor(["a", "b", "a", "b"], 1, 2) == 1
    assert ngram_floor(["a", "x", "b", "x"], 1, 1) == 1
    with pytest.raises(DataError, match="need 6 texts"):
        ngram_floor(["a"] * 5, 1, 3)


def test_entropies_known_by_hand() -> None:
    found = token_entropy(["aaaa", "abcd", ["to", "to", "be", "be"]])
    assert found.mean == pytest.approx((0 + 2 + 1) / 3)
    assert token_entropy(["aa", "bb"]) == (0, 1)
    assert token_entropy(["", "ab"]) == (0.5, 1)
    with pytest.raises(DataError, match="no texts"):
        token_entropy([])


def test_words_are_letters_and_inner_apostrophes() -> None:
    text = "O’er the 2nd 'Élan' -- rock'n'roll's o'er, can't_stop 'tis ''"
    assert vocabulary_of([text]) == {
        "o'er", "the", "nd", "élan", "rock'n'roll's", "can't", "stop", "tis",
    }  # fmt: skip


def test_known_words_counts_repetitions() -> None:
    vocabulary = vocabulary_of(["To be, or NOT to be"])
    assert known_words(["be be, be.", "frobnicate!"], vocabulary) == 0.75
    assert known_words(["1 + 1", ""], vocabulary) == 0


def test_duplicates() -> None:
    assert duplicate_share(["a", "b", "a", "a"]) == 0.5
    assert duplicate_share(["a", "A"]) == 0
    assert duplicate_share([]) == 0
