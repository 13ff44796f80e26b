"""Where samples are put: one file each with its recipe inside, and a sheet of them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfumato import storage
from sfumato.errors import SettingError
from sfumato.media.image import ImageMedium
from sfumato.run.directory import RunDirectory
from sfumato.run.sampling import Made

_SHEET = 256


def new_folder(directory: RunDirectory) -> Path:
    """The next free ``samples/NNN`` of a run; it is created."""
    directory.samples.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name) for path in directory.samples.iterdir() if path.name.isdigit()]
    folder = directory.samples / f"{max(taken, default=0) + 1:03d}"
    folder.mkdir()
    return folder


@dataclass
class SampleFolder:
    """Writes samples into a folder and never over anything.

    Attributes:
        folder: Where; created if missing.
        medium: How samples become files.
        files: What was written so far.
    """

    folder: Path
    medium: ImageMedium
    files: list[Path] = field(default_factory=list)
    _shown: list[NDArray[np.uint8]] = field(default_factory=list)

    def require_free(self, indices: Sequence[int]) -> None:
        """Refuse before any work is done if a file would be overwritten.

        Raises:
            SettingError: A file of that name exists.
        """
        for path in [*(self._file(index) for index in indices), self._sheet]:
            if path.exists():
                raise SettingError(
                    f"'{path}' exists already, and nothing is overwritten.",
                    hint="choose another --out, or move the files away.",
                )

    def add(self, made: Made) -> None:
        """Write a batch of samples."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for index, pixels, recipe in zip(made.indices, made.pixels, made.recipes, strict=True):
            path = self._file(index)
            self.medium.write(path, pixels, recipe)
            self.files.append(path)
            if len(self._shown) < _SHEET:
                self._shown.append(pixels)

    def finish(self) -> Path:
        """Write the contact sheet of the first 256 samples; returns its path."""
        picture = self.medium.sheet(np.stack(self._shown))
        with storage.replacing(self._sheet) as draft:
            picture.save(draft, format="PNG")
        return self._sheet

    def strip(self, name: str, frames: Sequence[NDArray[np.uint8]]) -> Path:
        """Write some states of one sample in a row; returns the path."""
        path = self.folder / name
        with storage.replacing(path) as draft:
            self.medium.strip(np.stack(frames)).save(draft, format="PNG")
        return path

    @property
    def _sheet(self) -> Path:
        return self.folder / "sheet.png"

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:05d}.png"
