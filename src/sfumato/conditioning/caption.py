"""Words as a condition: the caption of an item, or one of several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from torch import Tensor

from sfumato.conditioning.condition import Condition, Source, Value
from sfumato.conditioning.encoders import AnyEncoder, Learned
from sfumato.data.fields import readable
from sfumato.data.items import Item
from sfumato.errors import SettingError
from sfumato.nets.inputs import Input

MOST_CHARACTERS = 65_536


class Caption(Condition):
    """A text in any language; as a tensor what its encoder makes of it.

    Attributes:
        encoder: How texts are encoded.
    """

    noun: ClassVar[str] = "caption"

    kind: Literal["words"] = "words"
    encoder: AnyEncoder = Learned()

    @property
    def about(self) -> str:
        """See :attr:`Condition.about`."""
        return f"words, read by {self.encoder.about}"

    def value(self, item: Item, name: str) -> Value | None:
        """See :meth:`Condition.value`; the caption unless the condition names a column."""
        if not self.field:
            return item.captions or None
        found = super().value(item, name)
        return None if found is None else (str(found),)

    def texts(self, item: Item, name: str) -> tuple[str, ...]:
        """All captions of an item."""
        value = self.value(item, name)
        return () if value is None else _texts(value)

    def settled(self, values: Sequence[Value]) -> Self:
        """See :meth:`Condition.settled`."""
        captions = [text for value in values for text in _texts(value)]
        return self.model_copy(update={"encoder": self.encoder.settled(captions)})

    def input(self) -> Input:
        """See :meth:`Condition.input`."""
        return self.encoder.input()

    def rows(self, values: Sequence[Value | None], source: Source | None = None) -> Tensor:
        """See :meth:`Condition.rows`; of several captions the first one counts."""
        texts = [_texts(value)[0] if value else "" for value in values]
        return self.encoder.rows(texts, source)

    def parsed(self, name: str, text: object) -> Value:
        """See :meth:`Condition.parsed`."""
        if not isinstance(text, str):
            raise SettingError(f"{name} cannot be {text!r}.", why="it should be text")
        if len(text) > MOST_CHARACTERS:
            raise SettingError(
                f"The text for {name} has {len(text):,} characters.",
                why=f"at most {MOST_CHARACTERS:,} are read",
            )
        return readable(text).strip()

    def one(self, value: Value, u: float) -> Value:
        """See :meth:`Condition.one`."""
        texts = _texts(value)
        return texts[int(u * len(texts))]

    def advice(self, name: str) -> str:
        """See :meth:`Condition.advice`."""
        if self.field:
            return super().advice(name)
        return (
            "write them into a file of the same name with the suffix .txt, or into the column "
            "'text' of metadata.jsonl"
        )

    def notes(self, values: Sequence[Value]) -> list[str]:
        """See :meth:`Condition.notes`."""
        texts = [text for value in values for text in _texts(value)]
        if not texts:
            return []
        longest = max(texts, key=len)
        found = [f"the longest has {len(longest):,} characters"]
        several = sum(len(_texts(value)) > 1 for value in values)
        if several:
            found.append(f"{several:,} {'has' if several == 1 else 'have'} several")
        cut = sum(self.encoder.first(text) is not None for text in texts)
        if cut:
            verb = "is" if cut == 1 else "are"
            found.append(f"{cut:,} {verb} cut after {self.encoder.length} tokens")
        repeated = sum(count for count in Counter(texts).values() if count > 1)
        if repeated:
            found.append(f"{repeated:,} are the same as another")
        return found


def _texts(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)
