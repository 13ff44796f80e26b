from __future__ import annotations

from typing import Any

import pytest

from sfumato.conditioning.condition import Value
from sfumato.media.facts import DataFacts
from sfumato.model.lengths import CaptionLengths

EXAMPLES: tuple[dict[str, Value], ...] = (
    {"words": "kick drum", "seconds": 0.5},
    {"words": "kick drum, acoustic kit", "seconds": 0.7},
    {"words": "crash cymbal", "seconds": 3.0},
    {"words": "ride cymbal", "seconds": 2.0},
    {"words": "snare drum", "label": "snare", "seconds": 0.4},
    {"words": "a voice"},
)


@pytest.fixture
def facts() -> DataFacts:
    return DataFacts(source="s", catalogued=False, fingerprint="f", count=6, examples=EXAMPLES)


def seconds(facts: DataFacts, *captions: str, **options: Any) -> list[float | None]:
    values = [{"words": caption} for caption in captions]
    indices = options.get("indices", range(len(captions)))
    return CaptionLengths(facts)(values, options.get("seed", 0), indices)


def test_the_length_is_that_of_the_same_caption(facts: DataFacts) -> None:
    assert seconds(facts, "Crash cymbal", "RIDE  cymbal", "snare drum") == [3.0, 2.0, 0.4]


def test_the_nearest_caption_counts_where_none_is_the_same(facts: DataFacts) -> None:
    assert seconds(facts, "a loud crash cymbal", "kick drum, acoustic") == [3.0, 0.7]


def test_of_equally_near_ones_each_is_drawn(facts: DataFacts) -> None:
    found = seconds(facts, *["cymbal"] * 100)
    assert set(found) == {2.0, 3.0}
    assert 30 < found.count(2.0) < 70


def test_it_depends_on_the_seed_and_the_index_alone(facts: DataFacts) -> None:
    found = seconds(facts, *["cymbal"] * 20)
    alone = [seconds(facts, "cymbal", indices=[index])[0] for index in range(20)]
    assert found == alone != seconds(facts, *["cymbal"] * 20, seed=1)


def test_words_in_common_with_no_sound_have_no_length(facts: DataFacts) -> None:
    assert seconds(facts, "bird song", "") == [None, None]


def test_examples_without_lengths_are_left_out(facts: DataFacts) -> None:
    assert seconds(facts, "a voice") == [None]
    assert seconds(facts.model_copy(update={"examples": ()}), "crash cymbal") == [None]
