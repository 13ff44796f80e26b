"""What samples were to be, in words."""

from __future__ import annotations

from typing import Any

import pytest

from sfumato.media.captions import caption_of, in_words


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, ""),
        ({"words": "a red bird"}, "a red bird"),
        ({"words": ["a bird", "birds"]}, "a bird"),
        ({"words": ()}, ""),
        ({"age": 3.0, "words": "a cat", "species": "cat"}, "a cat, age: 3, species: cat"),
        ({"species": "cat"}, "species: cat"),
    ],
)
def test_words_come_first_and_others_have_their_names(values: dict[str, Any], text: str) -> None:
    assert in_words(values) == text
    assert caption_of({"conditions": values}) == text


@pytest.mark.parametrize("origin", [{}, {"conditions": None}, {"label": "cat", "blend": None}])
def test_samples_without_conditions_have_no_caption(origin: dict[str, Any]) -> None:
    assert caption_of(origin) == ""


@pytest.mark.parametrize(
    ("index", "text"),
    [(3, "heart"), (4, "heart -> car, 25%"), (7, "car"), (9, "car"), (2, "heart")],
)
def test_a_series_states_the_share_of_the_second_prompt(index: int, text: str) -> None:
    blend = {"conditions": {"words": "car"}, "region": None, "first": 3, "count": 5}
    origin = {"conditions": {"words": "heart"}, "blend": blend, "index": index}
    assert caption_of(origin) == text


def test_a_region_has_both_prompts() -> None:
    blend = {"conditions": {"words": "car"}, "region": {"kind": "mask"}, "first": 0, "count": 2}
    origin = {"conditions": {"words": "heart"}, "blend": blend, "index": 0}
    assert caption_of(origin) == "heart; in the region: car"
