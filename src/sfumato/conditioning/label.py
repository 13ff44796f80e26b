"""A further label: one of some classes by name, from a column of the metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal, Self
from unicodedata import normalize

import torch
from torch import Tensor

from sfumato.conditioning.condition import Condition, Names, Source, Value
from sfumato.data.fields import class_name
from sfumato.data.split import in_order
from sfumato.errors import SettingError, suggest
from sfumato.nets.inputs import Input, LabelInput


class Label(Condition):
    """One of some classes; as a tensor int64, shape (B,), from 1, where 0 stands for unknown.

    Attributes:
        classes: Names of the classes in the order of their numbers; empty until it is settled.
    """

    noun: ClassVar[str] = "label"

    kind: Literal["label"] = "label"
    classes: Names = ()

    @property
    def about(self) -> str:
        """See :attr:`Condition.about`."""
        return f"label, {len(self.classes):,} classes"

    def settled(self, values: Sequence[Value]) -> Self:
        """See :meth:`Condition.settled`."""
        if self.classes:
            return self
        names = {name for value in values if (name := _name(value))}
        classes, _ = in_order(names)
        return self.model_copy(update={"classes": classes})

    def input(self) -> Input:
        """See :meth:`Condition.input`."""
        return LabelInput(len(self.classes))

    def rows(self, values: Sequence[Value | None], source: Source | None = None) -> Tensor:
        """See :meth:`Condition.rows`."""
        numbers = {name: number for number, name in enumerate(self.classes, 1)}
        return torch.tensor([numbers.get(_name(value), 0) for value in values])

    def parsed(self, name: str, text: object) -> Value:
        """See :meth:`Condition.parsed`."""
        wanted = _name(text if isinstance(text, str | float | int) else str(text))
        if wanted not in self.classes:
            raise SettingError(
                f"There is no {name} '{text}' in this run.", hint=suggest(str(text), self.classes)
            )
        return wanted

    def notes(self, values: Sequence[Value]) -> list[str]:
        """See :meth:`Condition.notes`."""
        counts = Counter(map(_name, values))
        common = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(3))
        rare = sum(count == 1 for count in counts.values())
        noun = "class" if len(counts) == 1 else "classes"
        found = [f"{len(counts):,} {noun}: {common}{', ...' if len(counts) > 3 else ''}"]
        return [*found, f"{rare:,} of them with one item only"] if rare else found


def _name(value: object) -> str:
    name, _ = class_name(value)
    return normalize("NFC", name) if name else ""
