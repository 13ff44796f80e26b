"""What an evaluation found, in a form that is the same for every medium.

A report is a list of sections, and a section a list of figures, each with its interval, the number
of items behind it and the same figure of real items. Terminal, JSON, page and comparison are
made from that and know no medium.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import sfumato

FORMAT = 2


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        key: Unique in its section and the same in every report, such as ``held_out``.
        title: What is measured, in a few words.
        value: The number; None if it was refused, and then ``flag`` says why.
        low, high: Bounds that hold the true number with a confidence of 95 %; None if unknown.
        real: The same figure of real items, as many where that matters: what a perfect model would
            reach; None if there is none.
        n: How many items it was measured on: one number, or one for either side.
        form: How it is printed, a format specification such as ``.3f`` or ``.1%``.
        flag: Why to distrust it, or why there is no number; None if all is well.
    """

    key: str
    title: str
    value: float | None
    low: float | None = None
    high: float | None = None
    real: float | None = None
    n: tuple[int, ...] = ()
    form: str = ".3f"
    flag: str | None = None

    @property
    def value_text(self) -> str:
        """The number as printed; a dash without."""
        return "-" if self.value is None else format(self.value, self.form)

    @property
    def text(self) -> str:
        """The number as printed, with its interval if there is one; a dash without."""
        value = self.value_text
        if self.low is None or self.high is None:
            return value
        return f"{value} ({format(self.low, self.form)} to {format(self.high, self.form)})"

    @property
    def real_text(self) -> str:
        """The figure of real items as printed; a dash without."""
        return "-" if self.real is None else format(self.real, self.form)

    @property
    def n_text(self) -> str:
        """The numbers of items as printed."""
        return ", ".join(f"{n:,}" for n in self.n)


@dataclass(frozen=True)
class Section:
    """Figures that belong together.

    Attributes:
        key: Unique in the report and the same in every report of a medium, such as
            ``distance/log-mel``.
        title: What it is about, such as ``distance, log-mel``.
        about: One or two sentences that tell a reader how to read the figures.
        figures: At least one.
        extractor: Identity of the extractor whose features were measured; None if there was none.
    """

    key: str
    title: str
    about: str
    figures: tuple[Figure, ...]
    extractor: str | None = None


@dataclass(frozen=True)
class Split:
    """The real items that samples were compared with.

    Attributes:
        source: Folder, or name in the catalogue, of the data trained on.
        training: How many items were trained on.
        held_out: How many the samples were compared with that the model never saw.
        held_out_source: Where those come from, if not held out of ``source``.
        fingerprint: Of the data trained on.
    """

    source: str
    training: int
    held_out: int
    held_out_source: str | None
    fingerprint: str


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        run: Name of the run.
        medium: ``pictures``, ``sounds`` or ``text``.
        model: Fingerprint of the weights.
        snapshot: Which weights of the run, ``latest`` or ``best``.
        step: Optimiser steps behind the weights; None if unknown.
        seed: Of all that was drawn.
        split: The real items.
        sampling: How the samples were made.
        sections: What was measured.
        notes: What to bear in mind.
    """

    run: str
    medium: str
    model: str
    snapshot: str
    step: int | None
    seed: int
    split: Split
    sampling: dict[str, Any]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"format": FORMAT, "sfumato": sfumato.__version__, **asdict(self)}

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """All figures, each with its full key: ``section/figure``."""
        for section in self.sections:
            for figure in section.figures:
                yield f"{section.key}/{figure.key}", figure

    def __getitem__(self, key: str) -> Figure:
        """A figure by its full key.

        Raises:
            KeyError: There is none.
        """
        return dict(self.figures())[key]
