from __future__ import annotations

from sfumato.media.data.items import Groups, Item, Items

ITEMS = [
    Item("a.png"),
    Item("b/c d.png", label="b", caption="two\nlines, \u65e5\u672c, \0 and \ud800"),
    Item("e.wav", group="", part=3),
    Item("f.wav", label="", caption="x", group="g", part=1),
]


def test_packed_items_are_the_same() -> None:
    packed = Items.of(iter(ITEMS))
    assert list(packed) == ITEMS
    assert [packed[number] for number in range(4)] == ITEMS
    assert packed[-1] == ITEMS[-1]
    assert packed[1::2] == ITEMS[1::2]
    assert packed == Items.of(ITEMS)
    assert packed != Items.of(ITEMS[:3])
    assert Items.of(packed) is packed


def test_many_are_read_in_pieces() -> None:
    many = [Item(f"{number}.png") for number in range(10_000)]
    assert list(Items.of(many)) == many


def test_an_item_without_a_group_is_its_own() -> None:
    groups = Groups(ITEMS)
    assert list(groups) == ["a.png", "b/c d.png", "", "g"]
    assert groups[3] == "g"
    assert groups[:2] == ["a.png", "b/c d.png"]
