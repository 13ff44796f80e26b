"""The facts that a run stores about its data."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfumato.conditioning.condition import Value

MOST_CLASSES = 1_000_000
MOST_TOKENS = 10_000_000
MOST_EXAMPLES = 1_024
_ROUNDING = 1e-6
"""The shares of classes are rounded to six digits."""

# A spec can come from a stranger: no number in it decides how much memory is taken without a bound.
Count = Annotated[int, Field(ge=0, le=2**53)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, le=1e6)]


class DataFacts(BaseModel):
    """The state of the data when the run began.

    Attributes:
        source: Name in the catalogue, or the path of the folder or file.
        catalogued: Whether ``source`` is a name in the catalogue.
        relative: Path of the folder or file as seen from the run's folder, by which a project that
            was copied as a whole finds its data; empty for the catalogue and in older runs.
        fingerprint: Fingerprint of the files, see ``data.index``; checkpoints store it.
        content: Digest of the decoded items, see ``data.dataset``; empty in older runs, which
            compare the fingerprint instead.
        count: Number of usable items, before some are held out: images, clips or documents.
        classes: Names of the classes in the order of their numbers; empty without labels.
        frequencies: Share of each class in the training data.
        licence: Licence of the data, where known.
        attribution: Attribution that the licence requires, where known.
        vocabulary: Text: number of clean tokens.
        lengths: Text: number of pieces of ``i`` tokens in the training data, up to the context.
        examples: Values of the conditions of some training items, by the names of the conditions;
            samples without values of their own draw one of them. Sounds have their length as
            ``seconds`` and items of a class its name as ``label``.
        seconds: Audio: evenly spaced quantiles of the lengths of the training clips of each class,
            or of all clips without classes; empty if all clips fill the window.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str
    catalogued: bool
    relative: str = ""
    fingerprint: str
    content: str = ""
    count: Count
    classes: Annotated[tuple[str, ...], Field(max_length=MOST_CLASSES)] = ()
    frequencies: tuple[Share, ...] = ()
    licence: str = ""
    attribution: str = ""
    vocabulary: int = Field(default=0, ge=0, le=MOST_TOKENS)
    lengths: Annotated[tuple[Count, ...], Field(max_length=MOST_TOKENS)] = ()
    seconds: tuple[tuple[Seconds, ...], ...] = ()
    examples: Annotated[tuple[dict[str, Value], ...], Field(max_length=MOST_EXAMPLES)] = ()

    @model_validator(mode="after")
    def _each_class_has_a_share(self) -> Self:
        if len(self.frequencies) != len(self.classes):
            raise ValueError("frequencies and classes differ in number")
        most = 1.0 + _ROUNDING * (1 + len(self.classes))
        if self.frequencies and not 0.0 < sum(self.frequencies) < most:
            raise ValueError("frequencies are shares, whose sum is above 0 and at most 1")
        if len({*self.classes}) < len(self.classes):
            raise ValueError("two classes have the same name")
        return self

    @model_validator(mode="after")
    def _some_piece_has_a_length(self) -> Self:
        if self.lengths and not any(self.lengths):
            raise ValueError("lengths counts no piece at all")
        return self

    @model_validator(mode="after")
    def _lengths_are_quantiles(self) -> Self:
        # One row for each class, or one row in all without labels.
        if len(self.seconds) not in (0, 1, len(self.classes)):
            raise ValueError("seconds and classes differ in number")
        if len({len(row) for row in self.seconds}) > 1 or any(len(row) < 2 for row in self.seconds):
            raise ValueError("every row of seconds needs the same number of quantiles, two or more")
        if any(list(row) != sorted(row) for row in self.seconds):
            raise ValueError("the quantiles of seconds do not ascend")
        return self

    @property
    def name(self) -> str:
        """Name of the data without its place, for whatever may be published."""
        return self.source if self.catalogued else last_part(self.source)

    @property
    def longest(self) -> int:
        """Text: the length of the longest piece of the training data, in tokens."""
        return max(size for size, count in enumerate(self.lengths) if count)


def last_part(path: str) -> str:
    """The name of a file or folder without its place, which tells of the machine of its owner."""
    parts = [part for part in re.split(r"[/\\]", path) if part not in ("", ".")]
    return parts[-1] if parts else path
