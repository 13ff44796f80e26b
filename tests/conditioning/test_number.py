from __future__ import annotations

import math

import pytest
import torch

from sfumato.conditioning.condition import Value
from sfumato.conditioning.number import Number
from sfumato.data.items import Item
from sfumato.errors import SettingError
from sfumato.nets.inputs import NumberInput


def test_values_are_of_order_one() -> None:
    number = Number().settled([10.0, 14.0])
    assert (number.mean, number.std) == (12.0, 2.0)
    rows = number.rows([10.0, 14.0, 12.0])
    assert rows.dtype == torch.float32
    assert rows.tolist() == [[-1, 1], [1, 1], [0, 1]]
    assert number.input() == NumberInput()
    assert number.settled([0.0, 1.0]) == number


def test_unknown_is_zeros() -> None:
    values: list[Value | None] = [None, "many", math.nan, math.inf, "1e999"]
    assert not Number(mean=3.0, std=1.0).rows(values).any()


def test_far_values_are_limited() -> None:
    rows = Number(mean=0.0, std=1.0).rows([1e300, -1e300])
    assert rows.tolist() == [[5, 1], [-5, 1]]


def test_equal_values_and_none_have_a_deviation() -> None:
    for values in ([7.0, 7.0], []):
        number = Number().settled(values)
        assert number.std == 1.0
        assert number.rows(values).isfinite().all()


def test_the_value_of_an_item_is_a_number() -> None:
    number = Number()
    assert number.value(Item("a.png", fields={"price": " 3.5 "}), "price") == 3.5
    assert number.value(Item("a.png", fields={"price": "cheap"}), "price") is None
    assert number.value(Item("a.png", fields={"price": "nan"}), "price") is None


@pytest.mark.parametrize("text", ["cheap", "", "nan", "inf", True, None, (1,)])
def test_what_is_no_number_is_refused(text: object) -> None:
    with pytest.raises(SettingError, match="price cannot be") as error:
        Number().parsed("price", text)
    assert error.value.why == "it should be a finite number"


def test_numbers_are_read_from_text() -> None:
    assert Number().parsed("price", "3e2") == 300.0
    assert Number().parsed("price", 3) == 3.0


def test_notes_give_the_range() -> None:
    assert Number().notes([3.0, 1.0, 1000.5]) == ["from 1 to 1000.5, median 3"]
    assert Number().notes([]) == []
