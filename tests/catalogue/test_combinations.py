from __future__ import annotations

import itertools

import pytest

from sfumato.catalogue.combinations import content_words, held_out_combinations

COLOURS = ("red", "green", "blue", "black")
THINGS = ("book", "car", "heart", "cap")


def test_content_words() -> None:
    assert content_words("A Red car with the top down, mostly grey") == {
        "red", "car", "top", "down", "grey",
    }  # fmt: skip
    assert content_words("one o'clock, two-thirty") == {"one", "o'clock", "two", "thirty"}


def test_every_word_of_what_is_held_out_is_known() -> None:
    words = [frozenset(pair) for pair in itertools.product(COLOURS, THINGS)]
    held = held_out_combinations(words, [str(number) for number in range(16)], 0.25)
    assert sum(held) == 4
    seen = [own for own, is_held in zip(words, held, strict=True) if not is_held]
    for own, is_held in zip(words, held, strict=True):
        assert not is_held or all(sum(word in other for other in seen) >= 2 for word in own)
        assert not is_held or own not in seen


def test_the_choice_depends_on_the_words_alone() -> None:
    words = [frozenset(pair) for pair in itertools.product(COLOURS, THINGS)]
    groups = [str(number) for number in range(16)]
    held = held_out_combinations(words, groups, 0.2)
    assert held_out_combinations(words[::-1], groups, 0.2) == held[::-1]


def test_a_group_is_not_divided() -> None:
    words = [frozenset(pair) for pair in itertools.product(COLOURS, THINGS)] * 2
    groups = [str(number) for number in range(16)] * 2
    held = held_out_combinations(words, groups, 0.2)
    assert held[:16] == held[16:]
    assert any(held)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_words_of_one_item_are_never_held_out(share: float) -> None:
    # No word occurs twice, so whatever is held out would be unknown.
    words = [frozenset((f"a{number}", f"b{number}")) for number in range(5)]
    assert not any(held_out_combinations(words, list("12345"), share))
