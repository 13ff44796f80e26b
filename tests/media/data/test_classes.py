from __future__ import annotations

from sfumato.media.data.split import in_order


def test_numbers_are_ordered_as_numbers_and_the_rest_by_name() -> None:
    classes, place_of = in_order(["10", "9", "01", "1"])
    assert classes == ("01", "1", "9", "10")
    assert place_of.tolist() == [3, 2, 0, 1]
    assert in_order(["10", "9", "cat"])[0] == ("10", "9", "cat")
