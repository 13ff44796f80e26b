"""What data hold of the conditions of a recipe: how many items have a value, and of what kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sfumato.conditioning.condition import Condition, Value
from sfumato.data.items import Item
from sfumato.errors import DataError

_SHOWN = 3


@dataclass(frozen=True)
class Found:
    """The values of one condition in some data.

    Attributes:
        name: Name of the condition.
        noun: What one of its values is called.
        count: Number of items with a value.
        total: Number of items.
        notes: What a user should know of the values.
        missing: Names of the first items without a value.
    """

    name: str
    noun: str
    count: int
    total: int
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.count:,} of {self.total:,} items have a {self.noun}"
        if self.total - self.count > 0:
            text += f" (not {', '.join(self.missing)}{self._more})"
        return "; ".join([text, *self.notes])

    @property
    def _more(self) -> str:
        rest = self.total - self.count - len(self.missing)
        return f" and {rest:,} more" if rest else ""


def survey(conditions: Mapping[str, Condition], items: Sequence[Item]) -> Iterator[Found]:
    """What some items hold of each condition."""
    for name, each in conditions.items():
        values: list[Value] = []
        missing: list[str] = []
        for item in items:
            value = each.value(item, name)
            if value is not None:
                values.append(value)
            elif len(missing) < _SHOWN:
                missing.append(item.name)
        notes = tuple(each.notes(values))
        yield Found(name, each.noun, len(values), len(items), notes, tuple(missing))


def require_coverage(
    conditions: Mapping[str, Condition], items: Sequence[Item], place: str
) -> None:
    """Check that enough items have a value of each condition.

    Args:
        conditions: The conditions of a recipe.
        items: All items.
        place: Where the data are, for the message.

    Raises:
        DataError: Too few of them have one.
    """
    total = len(items)
    for name, each in conditions.items():
        # Only counted: the notes of a survey tokenise every caption.
        count = sum(each.value(item, name) is not None for item in items)
        if count and count >= each.coverage * total:
            continue
        raise DataError(
            f"Only {count:,} of {total:,} items in '{place}' have a {each.noun}.",
            why=f"the recipe learns from '{name}', which at least {each.coverage:.0%} of the "
            "items need",
            hint=f"{each.advice(name)}; or train without it: --settings conditions.{name}=null.",
        )
