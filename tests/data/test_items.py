from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.data.items import Groups, Item, Items, Lazy, pack_strings, record

ITEMS = [
    Item("a.png"),
    Item("b/c d.png", label="b", caption="two\nlines, \u65e5\u672c, \0 and \ud800"),
    Item("e.wav", group="", part=3),
    Item("f.wav", label="", caption="x", group="g", part=1),
    Item("g.png", fields={"species": "K\u00e4fer", "age": 0.1, "id": 2**70}),
    Item("h.png", group="g", held_out=True, fields={"x": -0.0}),
]


def test_packed_items_are_the_same() -> None:
    packed = Items.of(iter(ITEMS))
    assert list(packed) == ITEMS
    assert [packed[number] for number in range(6)] == ITEMS
    assert packed[-1] == ITEMS[-1]
    assert packed[1::2] == ITEMS[1::2]
    assert packed == Items.of(ITEMS)
    assert packed != Items.of(ITEMS[:3])
    assert Items.of(packed) is packed


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Item("a"), '["a"]'),
        (Item("a", fields={}), '["a"]'),
        (Item("a", group="g"), '["a", null, null, "g"]'),
        (Item("a", part=2), '["a", null, null, null, 2]'),
        (Item("a", held_out=False), '["a", null, null, null, 0, false]'),
        (Item("a", fields={"b": 1}), '["a", null, null, null, 0, null, {"b": 1}]'),
    ],
)
def test_records(item: Item, text: str) -> None:
    # They are in every cache, and those of items without further fields are what they were.
    assert record(item) == text


def test_items_can_be_members_of_sets() -> None:
    assert len({*ITEMS, *Items.of(ITEMS)}) == len(ITEMS)
    assert Item("a", fields={"b": 1}) != Item("a", fields={"b": 2})


@pytest.mark.parametrize(
    ("caption", "captions"),
    [
        (None, ()),
        ("", ()),
        (" a kite ", ("a kite",)),
        ("a\r\n\r\n b c \rd\n", ("a", "b c", "d")),
        ("\n".join(map(str, range(99))), tuple(map(str, range(64)))),
    ],
)
def test_captions(caption: str | None, captions: tuple[str, ...]) -> None:
    assert Item("a", caption=caption).captions == captions


def test_many_are_read_in_pieces() -> None:
    many = [Item(f"{number}.png") for number in range(10_000)]
    assert list(Items.of(many)) == many


def test_an_item_without_a_group_is_its_own() -> None:
    groups = Groups(ITEMS)
    assert list(groups) == ["a.png", "b/c d.png", "", "g", "g.png", "g"]
    assert groups[3] == "g"
    assert groups[:2] == ["a.png", "b/c d.png"]


class Squares(Lazy[int]):
    def __init__(self) -> None:
        self.made: list[int] = []

    def __len__(self) -> int:
        return 5

    def _member(self, place: int) -> int:
        self.made.append(place)
        return place * place


@pytest.mark.parametrize("place", [0, 4, -1, -5])
def test_one_is_made_as_a_list_has_it(place: int) -> None:
    squares = Squares()
    assert squares[place] == [0, 1, 4, 9, 16][place]
    assert len(squares.made) == 1


@pytest.mark.parametrize("place", [5, -6])
def test_beyond_the_ends(place: int) -> None:
    with pytest.raises(IndexError):
        Squares()[place]


@pytest.mark.parametrize(
    "part", [slice(None), slice(1, 3), slice(None, None, -2), slice(3, 99), slice(4, 1)]
)
def test_a_slice_is_a_list(part: slice) -> None:
    assert Squares()[part] == [0, 1, 4, 9, 16][part]


def test_it_ends_when_it_is_walked() -> None:
    assert list(Squares()) == [0, 1, 4, 9, 16]


@given(strings=st.lists(st.text()))
def test_packed_strings(strings: list[str]) -> None:
    packed = pack_strings(strings)
    assert list(packed) == strings == packed[:]
    assert packed[1:-1] == strings[1:-1]
    assert list(packed.take(np.arange(len(strings))[::-1])) == strings[::-1]
    with pytest.raises(IndexError):
        packed[len(strings)]


def test_many_strings_are_read_in_pieces() -> None:
    strings = [str(number) * (number % 3) for number in range(10_000)]
    assert list(pack_strings(strings)) == strings


def test_equality_is_of_all_of_them() -> None:
    assert pack_strings(["ab", "c"]) == pack_strings(["ab", "c"])
    assert pack_strings(["ab", "c"]) != pack_strings(["a", "bc"])
    assert pack_strings(["ab"]) != ["ab"]
