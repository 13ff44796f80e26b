"""A condition: what a model learns of an item besides its content.

A recipe holds its conditions by name, each with its settings::

    conditions.words.kind=words        the caption of an item
    conditions.species.kind=label      a column of the metadata
    conditions.price.kind=number
    conditions.sketch.kind=pair        another item of the same medium beside it

A condition finds its value in an item, turns values into the rows of a tensor, and describes the
input of the backbone that takes them. **Zeros stand for "unknown" in every such tensor.** In
training each condition is hidden now and then, which lets guidance compare with and without it.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field
from torch import Tensor

from sfumato.conditioning.file import PairFile
from sfumato.data.columns import column_name
from sfumato.data.items import Item
from sfumato.nets.inputs import Input
from sfumato.registry import Part

Value = str | float | tuple[str, ...] | PairFile
"""The value of a condition: a word, a number, several captions of one item, or a file beside it."""

Source = Callable[[Sequence[Any]], Tensor]
"""What a condition needs besides its settings, such as a frozen encoder of texts."""

DIGEST = 32


class Condition(Part):
    """Base of all conditions.

    Attributes:
        field: Column of the metadata that holds the values; that of its own name if empty.
        drop: Share of the items whose value is hidden in training. Guidance needs a model that has
            also learnt without the condition.
        coverage: Least share of the items that need a value, in [0, 1].
        digest: Digest of the values of all items; empty until it is settled on data.
    """

    noun: ClassVar[str]
    """What a value is called in messages, such as ``caption``."""
    of_files: ClassVar[bool] = False
    """Whether values are files beside the items, which samples cannot draw from."""

    field: str = Field("", max_length=500, description="column of the metadata; its name if empty")
    drop: float = Field(0.1, ge=0, lt=1, description="share hidden in training, for guidance")
    coverage: float = Field(0.5, ge=0, le=1, description="least share of items that need a value")
    digest: str = Field("", max_length=DIGEST)

    def value(self, item: Item, name: str) -> Value | None:
        """The value of an item; None if it has none.

        Args:
            item: The item.
            name: Name of the condition.
        """
        return (item.fields or {}).get(self.column(name))

    def column(self, name: str) -> str:
        """The column of the metadata that holds the values, as items name it."""
        return column_name(self.field or name)

    @property
    @abstractmethod
    def about(self) -> str:
        """What it is, in a few words, for a table."""

    @abstractmethod
    def settled(self, values: Sequence[Value]) -> Self:
        """The condition with the settings filled in that depend on the values of training items.

        Settings that are filled in already do not change.
        """

    @abstractmethod
    def input(self) -> Input:
        """The input of a backbone that takes the rows."""

    @abstractmethod
    def rows(self, values: Sequence[Value | None], source: Source | None = None) -> Tensor:
        """The rows of some values, shape (B, ...); zeros for None and for values without meaning.

        Args:
            values: B values.
            source: What the condition needs besides its settings; see the subclass.
        """

    @abstractmethod
    def parsed(self, name: str, text: object) -> Value:
        """A value from what a user writes.

        Raises:
            SettingError: The model cannot have learnt such a value.
        """

    def one(self, value: Value, u: float) -> Value:
        """One of several equal values, by a uniform number in [0, 1)."""
        return value

    def advice(self, name: str) -> str:
        """Where a user writes the values of the data, for a message.

        Args:
            name: Name of the condition.
        """
        column = self.field or name
        return f"write it into the column '{column}' of metadata.jsonl or metadata.csv"

    def notes(self, values: Sequence[Value]) -> list[str]:
        """What a user should know of the values of the data, in words."""
        return []


def digest_of(values: Iterable[tuple[str, Value | None]]) -> str:
    """A digest of the values of named items, 32 hex digits."""
    content = hashlib.sha256()
    for pair in values:
        content.update(repr(pair).encode("utf-8", "surrogatepass"))
    return content.hexdigest()[:DIGEST]


Names = Annotated[tuple[str, ...], Field(max_length=1_000_000)]
"""Names of classes, or entries of a vocabulary."""
