"""The facts that a run stores about its data."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


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
        seconds: Audio: evenly spaced quantiles of the lengths of the training clips of each class,
            or of all clips without classes; empty if all clips fill the window.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    catalogued: bool
    relative: str = ""
    fingerprint: str
    content: str = ""
    count: int
    classes: tuple[str, ...] = ()
    frequencies: tuple[float, ...] = ()
    licence: str = ""
    attribution: str = ""
    vocabulary: int = 0
    lengths: tuple[int, ...] = ()
    seconds: tuple[tuple[float, ...], ...] = ()

    @model_validator(mode="after")
    def _each_class_has_a_share(self) -> Self:
        if len(self.frequencies) != len(self.classes):
            raise ValueError("frequencies and classes differ in number")
        return self

    @model_validator(mode="after")
    def _lengths_are_quantiles(self) -> Self:
        # One row for each class, or one row in all without labels.
        if len(self.seconds) not in (0, 1, len(self.classes)):
            raise ValueError("seconds and classes differ in number")
        if len({len(row) for row in self.seconds}) > 1 or any(len(row) < 2 for row in self.seconds):
            raise ValueError("every row of seconds needs the same number of quantiles, two or more")
        return self

    @property
    def longest(self) -> int:
        """Text: the length of the longest piece of the training data, in tokens."""
        return max(size for size, count in enumerate(self.lengths) if count)
