"""What the catalogue says of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sfumato.catalogue.package import Package
from sfumato.catalogue.part import Part


@dataclass(frozen=True, slots=True)
class Entry(Package):
    """One data set of the catalogue.

    Attributes:
        medium: The medium that reads it.
        recipe: The name of the recipe that suits it.
        parts: Turns the wanted members into the files of the set, lazily.
        noun: What its items are called, in the plural.
        count: How many items there are.
        drawn: Whether it holds SVG drawings, which need the extra ``svg`` to be rendered.
        settings: Settings of the recipe, by their paths, that this set wants to be others.
    """

    medium: Literal["image", "text", "audio"]
    recipe: str
    parts: Callable[[Mapping[str, bytes]], Iterator[Part]]
    noun: str
    count: int
    drawn: bool = False
    settings: Mapping[str, str | float] = field(default_factory=dict)
