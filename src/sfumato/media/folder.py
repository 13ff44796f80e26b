"""Folders that samples are written to, without ever overwriting a file."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray
from PIL import Image

from sfumato import storage
from sfumato.errors import SettingError, suggest
from sfumato.escaping import escape_line

Items = NDArray[Any] | Sequence[str]
"""A batch of samples as a medium decodes it: an array (B, ...), or a list of texts."""

SHOWN = 256
"""Largest number of samples on a contact sheet."""


@dataclass
class SampleFolder(ABC):
    """Writes samples into a folder.

    Attributes:
        path: The folder.
        format: Format of the files, a suffix without its dot.
        files: The files written so far.
        trajectories: The files written so far that show how samples emerged from noise.
    """

    formats: ClassVar[tuple[str, ...]]
    """The possible formats, the default first."""

    path: Path
    format: str = ""
    files: list[Path] = field(default_factory=list)
    trajectories: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.format = self.format or self.formats[0]
        if self.format not in self.formats:
            raise SettingError(
                f"Samples cannot be written as '{self.format}'.",
                why=f"the formats are {', '.join(self.formats)}",
                hint=suggest(self.format, self.formats),
            )

    def occupied(self, name: str, indices: Sequence[int]) -> bool:
        """Whether samples of these indices are written to a file of this name."""
        match = re.fullmatch(rf"(\d+)(-from-noise)?\.({'|'.join(self.formats)})", name)
        return match is not None and int(match[1]) in indices

    @abstractmethod
    def add(
        self, indices: Sequence[int], items: Items, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write a batch of samples, each with its provenance."""

    @abstractmethod
    def add_trajectory(self, index: int, frames: Any) -> None:
        """Write some states of one sample, in order from noise to data."""

    def finish(self) -> None:  # noqa: B027 - most media have nothing to do
        """Write the contact sheet, or whatever a medium makes of all samples together."""

    @property
    def sheet(self) -> Path | None:
        """Path of the contact sheet; None for media without contact sheets."""
        return self.path / "sheet.png"

    def require_free(self, indices: Sequence[int]) -> None:
        """Create the folder, and check that it can take the samples before any work is done.

        Raises:
            SettingError: The folder cannot be written, or a file would be overwritten.
        """
        require_writable(self.path)
        for present in self.path.iterdir():
            if present == self.sheet or self.occupied(present.name, indices):
                raise SettingError(
                    f"'{present}' exists already, and nothing is overwritten.",
                    hint="choose another --out, or move the files away.",
                )

    def to_json(self) -> dict[str, Any]:
        """The written files as plain data."""
        return {
            "folder": str(self.path),
            "files": [str(path) for path in self.files],
            "sheet": str(self.sheet),
            "strips": [str(path) for path in self.trajectories],
        }

    def lines(self, noun: str, seconds: float) -> list[str]:
        """The written files in lines to print.

        Args:
            noun: Noun of the samples.
            seconds: Duration of sampling in seconds.
        """
        return [
            escape_line(f"{len(self.files)} {noun} in {self.path}, {seconds:.1f} s"),
            escape_line(f"sheet: {self.sheet}"),
            *(escape_line(f"from noise: {path}") for path in self.trajectories[:1]),
        ]


def save_png(image: Image.Image, path: Path) -> None:
    """Write an image as PNG, atomically."""
    with storage.replacing(path) as draft:
        image.save(draft, format="PNG")


def require_writable(folder: Path) -> None:
    """Create a folder for outputs, and check that it is writable before any work is done.

    Raises:
        SettingError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK):
        raise _unwritable(folder, "permission denied")


def _unwritable(folder: Path, why: str) -> SettingError:
    return SettingError(
        f"The folder '{folder}' cannot be written.", why=why, hint="choose another --out."
    )
