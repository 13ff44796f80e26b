from __future__ import annotations

from sfumato.catalogue.groups import joined_groups


def test_items_are_joined_by_way_of_others() -> None:
    keys = [("a", "1"), ("b", "2"), ("c", "3"), ("c", "1"), ("d", "4"), ("e", "2", "4")]
    assert joined_groups(keys) == ["a", "b", "a", "a", "b", "b"]


def test_items_with_nothing_in_common_stay_apart() -> None:
    assert joined_groups([("a",), ("b",), ("a",)]) == ["a", "b", "a"]
    assert joined_groups([]) == []
