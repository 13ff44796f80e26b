from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from sfumato.conditioning.caption import Caption
from sfumato.conditioning.condition import Condition
from sfumato.conditioning.label import Label
from sfumato.conditioning.number import Number
from sfumato.conditioning.registry import (
    CONDITIONS,
    ConditionsByName,
    examples_of,
    inputs,
    rows,
    settled,
    values_of,
)
from sfumato.data.items import Item

ADAPTER: TypeAdapter[dict[str, Condition]] = TypeAdapter(ConditionsByName)
ALL: dict[str, Condition] = {"words": Caption(), "species": Label(), "price": Number()}
ITEMS = [
    Item("0.png", caption="a kite\na red kite", fields={"species": "kite", "price": 3}),
    Item("1.png", caption="a bird", fields={"species": "bird"}),
    Item("2.png"),
    Item("3.png", fields={"species": "bird", "price": 5}),
]


class TestNames:
    def test_each_is_read_by_its_kind(self) -> None:
        found = ADAPTER.validate_python({"words": {"kind": "words"}, "age": {"kind": "number"}})
        assert found == {"words": Caption(), "age": Number()}
        assert {*CONDITIONS} == {"label", "number", "pair", "words"}

    def test_one_that_is_set_to_nothing_is_absent(self) -> None:
        assert ADAPTER.validate_python({"words": None}) == {}

    @pytest.mark.parametrize("name", ["x", "level", "label", "length", "segments", "blend"])
    def test_names_with_a_meaning_are_refused(self, name: str) -> None:
        with pytest.raises(ValidationError, match=f"cannot be named '{name}', which has another"):
            ADAPTER.validate_python({name: {"kind": "number"}})

    def test_names_of_second_prompts_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="'words_second': names in _second are those"):
            ADAPTER.validate_python({"words_second": {"kind": "words"}})

    @pytest.mark.parametrize("name", ["", "Words", "a b", "a-b", "2nd", "\u00e9", "a" * 41])
    def test_names_are_plain(self, name: str) -> None:
        with pytest.raises(ValidationError, match="use lower-case letters, digits and _"):
            ADAPTER.validate_python({name: {"kind": "number"}})

    def test_their_number_is_limited(self) -> None:
        many = {f"c{number}": {"kind": "number"} for number in range(17)}
        with pytest.raises(ValidationError, match="there are 17 conditions, and at most 16"):
            ADAPTER.validate_python(many)

    @pytest.mark.parametrize("drop", [-0.1, 1.0])
    def test_a_condition_is_not_always_hidden(self, drop: float) -> None:
        with pytest.raises(ValidationError):
            ADAPTER.validate_python({"words": {"kind": "words", "drop": drop}})


def test_values_lack_what_an_item_lacks() -> None:
    assert values_of(ALL, ITEMS[0]) == {
        "words": ("a kite", "a red kite"),
        "species": "kite",
        "price": 3.0,
    }
    assert values_of(ALL, ITEMS[2]) == {}


class TestSettled:
    def test_on_training_items_alone(self) -> None:
        found = settled(ALL, ITEMS, [1, 3])
        species, price = found["species"], found["price"]
        assert isinstance(species, Label) and species.classes == ("bird",)
        assert isinstance(price, Number) and price.mean == 5.0

    def test_the_digest_covers_all_items(self) -> None:
        found = settled(ALL, ITEMS, [1, 3])
        changed = [*ITEMS[:2], Item("2.png", caption="a late caption"), ITEMS[3]]
        again = settled(ALL, changed, [1, 3])
        assert again["words"].digest != found["words"].digest
        assert again["species"].digest == found["species"].digest
        renamed = [Item("9.png", caption=ITEMS[0].caption), *ITEMS[1:]]
        assert settled(ALL, renamed, [1, 3])["words"].digest != found["words"].digest

    def test_nothing_without_conditions(self) -> None:
        assert settled({}, ITEMS, [0]) == {}


class TestExamples:
    def test_they_are_of_training_items_that_have_values(self) -> None:
        assert examples_of(ALL, ITEMS, [2, 3], 10) == ({"species": "bird", "price": 5.0},)
        assert examples_of({}, ITEMS, [2, 3], 10) == () == examples_of(ALL, ITEMS, [], 10)

    def test_they_have_the_classes_of_the_run(self) -> None:
        items = [Item("0.png", "red", "a kite"), Item("1.png", "blue", "a bird"), Item("2.png")]
        found = examples_of({"words": Caption()}, items, range(3), 10, ("red",))
        assert found == ({"words": "a kite", "label": "red"}, {"words": "a bird"})

    def test_their_number_is_limited(self) -> None:
        items = [Item(f"{number}.png", caption=f"kite {number}") for number in range(100)]
        found = examples_of({"words": Caption()}, items, range(100), 30)
        assert len(found) == 25
        assert found[1] == {"words": "kite 4"}

    def test_each_has_one_of_its_captions_and_all_variants_occur(self) -> None:
        items = [Item(f"{number}.png", caption="a\nb\nc") for number in range(30)]
        found = [one["words"] for one in examples_of({"words": Caption()}, items, range(30), 30)]
        counts = [found.count(text) for text in "abc"]
        assert max(counts) - min(counts) <= 2


def test_rows_and_inputs_have_the_names_of_the_conditions() -> None:
    found = settled(ALL, ITEMS, range(4))
    tensors = rows(found, [{}, {"species": "bird"}, {"price": 3.0, "words": "a kite"}])
    assert tensors.keys() == inputs(found).keys() == ALL.keys()
    for value in tensors.values():
        assert not value[0].any()
    assert tensors["species"].tolist() == [0, 1, 0]
    assert tensors["words"].flatten(1).any(1).tolist() == [False, False, True]
    state = torch.zeros(3, 1, 4, 4)
    for name, own in inputs(found).items():
        unknown = own.unknown(state)
        assert (unknown.shape, unknown.dtype) == (tensors[name].shape, tensors[name].dtype)
