"""The caption in a line of metadata; names, labels and texts are in ``test_metadata.py``."""

from __future__ import annotations

import pytest

from sfumato.data.fields import Caption, Label, caption_of, label_of


@pytest.mark.parametrize(
    ("value", "text", "first"),
    [
        ("a kite", "a kite", "a kite"),
        (" a kite \r\n over\tthe sea ", "a kite over the sea", "a kite \r\n over\tthe sea"),
        (["a kite", "a red\nkite"], "a kite\na red kite", "a kite"),
        (["", None, "a kite"], "a kite", None),
        (["a kite", 7, 1.0, True], "a kite\n7\n1\ntrue", "a kite"),
        ([], None, None),
        ("", None, None),
        (float("nan"), None, None),
        ("\u51e7 " * 5000, ("\u51e7 " * 5000).strip(), ("\u51e7 " * 5000).strip()),
    ],
)
def test_captions(value: object, text: str | None, first: str | None) -> None:
    found = caption_of({"text": value})
    assert (found.text, found.first, found.problem, found.usual) == (text, first, "", ())
    assert found.field == ("text" if text else "")


def test_of_many_captions_the_first_are_used() -> None:
    for count in (64, 65):
        found = caption_of({"caption": [f"kite {number}" for number in range(count)]})
        assert found.text == "\n".join(f"kite {number}" for number in range(64))
        assert len(found.usual) == (count > 64)


def test_members_that_are_no_texts() -> None:
    found = caption_of({"text": [{"a": 1}, "a kite", ["b"]]})
    assert found.text == "a kite" and found.first is None
    assert found.usual == ("'text' has members that are no texts and are not used",)
    assert caption_of({"text": [{"a": 1}]}) == Caption(
        problem="'text' is an object and is not used"
    )


def test_the_next_field_is_used_if_one_has_no_caption() -> None:
    assert caption_of({"text": [], "caption": " ", "prompt": "a kite"}).field == "prompt"


def test_labels() -> None:
    assert label_of({"class": "a", "category": "b"}) == Label("a", "class")
    assert label_of({"label": [], "category": 1.0}) == Label("1", "category")
    several = label_of({"label": ["a", "b"]})
    assert several[:3] == ("a", "label", "") and several.usual
    assert label_of({"label": {}}).problem and label_of({}) == Label()
