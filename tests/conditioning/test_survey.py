from __future__ import annotations

import pytest

from sfumato.conditioning.caption import Caption
from sfumato.conditioning.label import Label
from sfumato.conditioning.survey import require_coverage, survey
from sfumato.data.items import Item
from sfumato.errors import DataError


def items(captioned: int, total: int) -> list[Item]:
    return [
        Item(f"{number}.png", caption="a kite" if number < captioned else None)
        for number in range(total)
    ]


def test_what_was_found_is_counted_and_the_first_missing_are_named() -> None:
    (found,) = survey({"words": Caption()}, items(2, 7))
    assert (found.name, found.count, found.total) == ("words", 2, 7)
    assert found.missing == ("2.png", "3.png", "4.png")
    assert str(found) == (
        "2 of 7 items have a caption (not 2.png, 3.png, 4.png and 2 more); "
        "the longest has 6 characters; 2 are the same as another"
    )


def test_nothing_is_missing() -> None:
    (found,) = survey({"kind": Label()}, [Item("0.png", fields={"kind": "kite"})])
    assert str(found).startswith("1 of 1 items have a label; 1 class: kite 1")


def test_enough_captions_pass() -> None:
    require_coverage({"words": Caption()}, items(25, 50), "place")
    require_coverage({"words": Caption(coverage=0.0)}, items(1, 50), "place")
    require_coverage({}, items(0, 50), "place")


def test_few_captions_are_refused() -> None:
    with pytest.raises(DataError, match="Only 3 of 50 items in 'place' have a caption") as error:
        require_coverage({"words": Caption()}, items(3, 50), "place")
    assert error.value.why == (
        "the recipe learns from 'words', which at least 50% of the items need"
    )
    assert "suffix .txt" in str(error.value.hint)
    assert "--settings conditions.words=null" in str(error.value.hint)


def test_a_missing_column_is_named() -> None:
    for condition, column in ((Label(field="Kind"), "Kind"), (Label(), "species")):
        with pytest.raises(DataError) as error:
            require_coverage({"species": condition}, items(3, 50), "place")
        assert f"the column '{column}' of metadata.jsonl" in str(error.value.hint)


def test_no_value_at_all_is_refused_whatever_is_asked() -> None:
    with pytest.raises(DataError, match="Only 0 of 5"):
        require_coverage({"words": Caption(coverage=0.0)}, items(0, 5), "place")
