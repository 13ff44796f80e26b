from __future__ import annotations

import pytest

from sfumato.errors import SettingError
from sfumato.evaluation.asked import Asked, Wanted


def wanted(asked: Asked, medium: str = "sounds") -> Wanted:
    return asked.of(medium, n=200, rows=256, draws=16)


def test_what_is_not_asked_is_the_medium_s_own() -> None:
    assert wanted(Asked()) == Wanted(200, 256, 16)
    assert wanted(Asked(n=3, rows=1, draws=2)) == Wanted(3, 1, 2)


@pytest.mark.parametrize(
    ("asked", "medium", "words"),
    [
        (Asked(n=2), "text", "n cannot be 2"),
        (Asked(n=0), "text", "n cannot be 0"),
        (Asked(rows=0), "text", "rows cannot be 0"),
        (Asked(draws=0), "pictures", "draws cannot be 0"),
        (Asked(seed=-1), "sounds", "seed cannot be -1"),
        (Asked(label="kick"), "text", "--label is not for a run on text"),
        (Asked(scale=0.0), "text", "--scale is not for a run on text"),
        (Asked(speech=True), "pictures", "--speech is not for a run on pictures"),
        (Asked(temperature=0.0), "sounds", "--temperature is not for a run on sounds"),
        (Asked(top_p=0.5), "pictures", "--top-p is not for a run on pictures"),
        (Asked(molecules=True), "sounds", "--molecules is not for a run on sounds"),
    ],
)
def test_refusals(asked: Asked, medium: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        wanted(asked, medium)


def test_a_request_is_what_was_asked() -> None:
    asked = Asked(seed=5, steps=7, label="kick", scale=0.0)
    assert asked.request("label", "scale") == {
        "seed": 5, "steps": 7, "sampler": None, "label": "kick", "scale": 0.0,
    }  # fmt: skip
