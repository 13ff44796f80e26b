"""Texts in pictures: they fit, they never fail, and they never show empty boxes."""

from __future__ import annotations

import pytest
from PIL import ImageFont

from sfumato.media.lettering import font, legible, wrapped

ABSENT = font().getmask("\U0010ffff")
TEXTS = {
    "empty": "",
    "white": " \n\t ",
    "short": "a red bird",
    "long word": "x" * 10_000,
    "long": "word " * 2_000,
    "emoji": "🍎 👩‍👩‍👧 ❤️ " * 400,
    "right to left": "ציפור אדומה \u202eطائر أحمر",
    "east asian": "青い鳥 붉은 새",
    "accents": "élan, Łódź, Straße, n\u0303, ﬁsh",
    "controls": "a\x00\x07\x1b[31m\u200d\ufe0f\u2028b",
    "surrogates": "\ud83c \udf4e",
    "nameless": "\U0010ffff \ue000 \u0378",
    "marks alone": "\u0301\u0301",
}


def has_boxes(text: str) -> bool:
    masks = (font().getmask(character) for character in text)
    return any(one.size == ABSENT.size and bytes(one) == bytes(ABSENT) for one in masks)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("width", [128, 30.5])
@pytest.mark.parametrize("lines", [1, 3])
def test_any_text_fits_without_boxes(text: str, width: float, lines: int) -> None:
    found = wrapped(text, width, lines)
    assert len(found) <= lines
    assert all(0 < font().getlength(line) <= width for line in found)
    assert not any(has_boxes(line) for line in found)


@pytest.mark.parametrize("width", [0, 1])
def test_a_line_without_room_comes_to_an_end(width: float) -> None:
    assert wrapped("a red bird", width, 3) == ["a", "r", "..."]


def test_lines_hold_whole_words() -> None:
    width = font().getlength("a red bird")
    assert wrapped("a red bird sings", width, 3) == ["a red bird", "sings"]
    assert wrapped("a red birds", width, 3) == ["a red", "birds"]
    assert wrapped("", width, 3) == []


def test_what_does_not_fit_ends_in_dots() -> None:
    width = font().getlength("a red bird")
    assert wrapped("a red bird", width) == ["a red bird"]
    (cut,) = wrapped("a red birds", width)
    assert cut.endswith("...")
    assert "a red birds".startswith(cut.removesuffix("..."))
    *_, last = wrapped("one two three four five six seven eight nine", width, 2)
    assert last.endswith("...")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a red\nbird", "a red bird"),
        ("élan Łódź Straße – 𝐁 ĳ", "elan Lodz Strasse - B ij"),
        ("a🍎b", "a [red apple] b"),
        ("ציפור", "[hebrew]"),
        ("красная bird", "[cyrillic] bird"),
        ("[a][a]", "[a][a]"),
        ("\ue000", "[unknown]"),
        ("\u202ea\u200d", "a"),
    ],
)
def test_other_characters_become_plain_or_named(text: str, shown: str) -> None:
    assert legible(text) == shown


def test_the_font_is_a_scalable_one() -> None:
    assert isinstance(font(), ImageFont.FreeTypeFont)
