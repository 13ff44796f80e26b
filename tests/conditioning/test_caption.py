from __future__ import annotations

import pytest
import torch

from sfumato.conditioning.caption import MOST_CHARACTERS, Caption
from sfumato.conditioning.encoders import Learned
from sfumato.data.items import MOST_CAPTIONS, Item
from sfumato.errors import SettingError
from sfumato.nets.inputs import TokenInput


@pytest.fixture
def caption() -> Caption:
    return Caption().settled([("a red kite", "a kite"), "a red bird"])


def test_the_value_is_every_line_of_the_caption() -> None:
    caption = Caption()
    assert caption.value(Item("a.png", caption="a kite\n\n a red kite \n"), "words") == (
        "a kite",
        "a red kite",
    )
    assert caption.value(Item("a.png", caption=" \n"), "words") is None
    assert caption.value(Item("a.png"), "words") is None
    many = Item("a.png", caption="\n".join(map(str, range(1000))))
    assert len(caption.value(many, "words") or ()) == MOST_CAPTIONS


def test_a_column_can_hold_the_words() -> None:
    item = Item("a.png", caption="a kite", fields={"title": "Kite no. 1", "year": 1987})
    assert Caption(field="title").value(item, "words") == ("Kite no. 1",)
    assert Caption(field="year").value(item, "words") == ("1987",)
    assert Caption(field="place").value(item, "words") is None


def test_all_captions_are_in_the_vocabulary(caption: Caption) -> None:
    assert isinstance(caption.encoder, Learned)
    assert {"red", "a", "kite"} <= {*caption.encoder.vocabulary}
    assert isinstance(caption.input(), TokenInput)


def test_rows_have_the_first_of_several_and_zeros_for_none(caption: Caption) -> None:
    rows = caption.rows([("a kite", "a red bird"), "a kite", None, ""])
    assert rows.dtype == torch.int64
    assert torch.equal(rows[0], rows[1])
    assert rows[0].any()
    assert not rows[2:].any()


def test_one_of_several_captions_is_chosen_evenly() -> None:
    several = ("a", "b", "c", "d")
    assert [Caption().one(several, u) for u in (0.0, 0.25, 0.5, 0.75, 0.999999)] == [*"abcdd"]
    assert Caption().one("a", 0.7) == "a"


def test_a_prompt_is_text_of_a_limited_length() -> None:
    assert Caption().parsed("prompt", "  a kite\n") == "a kite"
    with pytest.raises(SettingError, match="prompt cannot be 3") as error:
        Caption().parsed("prompt", 3)
    assert error.value.why == "it should be text"
    Caption().parsed("prompt", "x" * MOST_CHARACTERS)
    with pytest.raises(SettingError, match=f"has {MOST_CHARACTERS + 1:,} characters"):
        Caption().parsed("prompt", "x" * (MOST_CHARACTERS + 1))


def test_notes_tell_of_the_longest_of_cuts_and_of_copies() -> None:
    caption = Caption(encoder=Learned(length=2)).settled(["a kite", "a kite"])
    assert caption.notes([("a kite", "a red kite"), ("a kite",)]) == [
        "the longest has 10 characters",
        "1 has several",
        "1 is cut after 2 tokens",
        "2 are the same as another",
    ]
    assert caption.notes([]) == []
