from __future__ import annotations

import pytest
import torch

from sfumato.conditioning.label import Label
from sfumato.data.items import Item
from sfumato.errors import SettingError
from sfumato.nets.inputs import LabelInput


@pytest.fixture
def label() -> Label:
    return Label().settled(["dog", "cat", "cat", "9"])


def test_classes_are_in_the_order_of_class_folders(label: Label) -> None:
    assert label.classes == ("9", "cat", "dog")
    assert label.input() == LabelInput(3)
    assert Label().settled(["10", "9", "11"]).classes == ("9", "10", "11")
    assert label.settled(["ant"]).classes == label.classes


def test_rows_count_from_one_and_zero_is_unknown(label: Label) -> None:
    rows = label.rows(["dog", None, "cat", "never seen", 9.0])
    assert rows.dtype == torch.int64
    assert rows.tolist() == [3, 0, 2, 0, 1]


def test_a_name_is_the_same_however_it_is_composed() -> None:
    label = Label().settled(["ren\N{LATIN SMALL LETTER E WITH ACUTE}"])
    apart = "rene\N{COMBINING ACUTE ACCENT}"
    assert label.rows([apart]).tolist() == [1]
    assert label.parsed("bird", apart) == label.classes[0]


def test_the_value_is_that_of_its_column() -> None:
    item = Item("a.png", fields={"species": "cat", "caf\N{LATIN SMALL LETTER E WITH ACUTE}": "on"})
    assert Label().value(item, "species") == "cat"
    assert Label().value(item, "colour") is None
    assert Label().value(Item("a.png"), "species") is None
    assert Label(field="Species").value(item, "kind") == "cat"
    assert Label(field="CAFE\N{COMBINING ACUTE ACCENT}").value(item, "kind") == "on"


def test_numbers_name_classes(label: Label) -> None:
    assert label.parsed("kind", 9) == "9" == label.parsed("kind", 9.0)
    assert label.parsed("kind", " cat ") == "cat"


def test_an_unknown_class_is_refused_with_a_suggestion(label: Label) -> None:
    with pytest.raises(SettingError, match="There is no species 'cats' in this run") as error:
        label.parsed("species", "cats")
    assert "'cat'" in str(error.value.hint)


def test_notes_name_the_common_classes_and_count_the_rare(label: Label) -> None:
    assert label.notes(["cat", "cat", "dog", "9", "10"]) == [
        "4 classes: cat 2, dog 1, 9 1, ...",
        "3 of them with one item only",
    ]
    assert label.notes(["cat", "cat"]) == ["1 class: cat 2"]
