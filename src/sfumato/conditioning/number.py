"""A number as a condition, such as a price, an age or a temperature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from sfumato.conditioning.condition import Condition, Source, Value
from sfumato.data.items import Item
from sfumato.errors import SettingError
from sfumato.nets.inputs import Input, NumberInput

_FAR = 5.0
"""Limit of a number of order 1, in standard deviations."""


class Number(Condition):
    """A finite number; as a tensor float32, shape (B, 2): its value of order 1, and 1.

    Attributes:
        mean, std: Of the values of the training items; None until it is settled.
    """

    noun: ClassVar[str] = "number"

    kind: Literal["number"] = "number"
    mean: float | None = Field(None, allow_inf_nan=False)
    std: float | None = Field(None, gt=0, allow_inf_nan=False)

    @property
    def about(self) -> str:
        """See :attr:`Condition.about`."""
        return f"number, {self.mean or 0.0:g} on average, standard deviation {self.std or 1.0:g}"

    def value(self, item: Item, name: str) -> Value | None:
        """See :meth:`Condition.value`; text that is no number counts as no value."""
        return _number(super().value(item, name))

    def settled(self, values: Sequence[Value]) -> Self:
        """See :meth:`Condition.settled`."""
        if self.mean is not None and self.std is not None:
            return self
        numbers = torch.tensor([_number(value) or 0.0 for value in values], dtype=torch.float64)
        mean = numbers.mean().item() if len(numbers) else 0.0
        std = numbers.std(correction=0).item() if len(numbers) else 0.0
        return self.model_copy(update={"mean": mean, "std": std or 1.0})

    def input(self) -> Input:
        """See :meth:`Condition.input`."""
        return NumberInput()

    def rows(self, values: Sequence[Value | None], source: Source | None = None) -> Tensor:
        """See :meth:`Condition.rows`; values are limited to five standard deviations."""
        rows = torch.zeros(len(values), 2)
        for row, value in zip(rows, values, strict=True):
            number = _number(value)
            if number is not None:
                place = (number - (self.mean or 0.0)) / (self.std or 1.0)
                row[0], row[1] = max(-_FAR, min(_FAR, place)), 1.0
        return rows

    def parsed(self, name: str, text: object) -> Value:
        """See :meth:`Condition.parsed`."""
        number = _number(text)
        if number is None:
            raise SettingError(f"{name} cannot be '{text}'.", why="it should be a finite number")
        return number

    def notes(self, values: Sequence[Value]) -> list[str]:
        """See :meth:`Condition.notes`."""
        numbers = sorted(number for value in values if (number := _number(value)) is not None)
        if not numbers:
            return []
        middle = numbers[len(numbers) // 2]
        return [f"from {numbers[0]:g} to {numbers[-1]:g}, median {middle:g}"]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
