"""Where samples are put: one file each with its recipe inside, and a sheet of them all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfumato import storage
from sfumato.errors import SettingError
from sfumato.media.image import ImageMedium
from sfumato.run.directory import require_writable
from sfumato.run.image.sampling import Made

_SHEET = 256
_NUMBER = re.compile(r"(\d+)(-from-noise)?\.png")


@dataclass
class SampleFolder:
    """Writes samples into a folder and never over anything.

    Attributes:
        folder: Where.
        medium: How samples become files.
        files: What was written so far.
    """

    folder: Path
    medium: ImageMedium
    files: list[Path] = field(default_factory=list)
    _shown: list[NDArray[np.uint8]] = field(default_factory=list)

    def require_free(self, indices: Sequence[int]) -> None:
        """Create the folder, and refuse before any work is done if it cannot take the samples.

        Raises:
            SettingError: It cannot be written, or a file would be overwritten.
        """
        require_writable(self.folder)
        for path in self.folder.iterdir():
            sample = _NUMBER.fullmatch(path.name)
            if path == self._sheet or (sample and int(sample[1]) in indices):
                raise SettingError(
                    f"'{path}' exists already, and nothing is overwritten.",
                    hint="choose another --out, or move the files away.",
                )

    def add(self, made: Made) -> None:
        """Write a batch of samples."""
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

    def strip(self, index: int, frames: NDArray[np.uint8]) -> Path:
        """Write some states of one sample, shape (F, H, W, C), in a row; returns the path."""
        path = self.folder / f"{index:05d}-from-noise.png"
        with storage.replacing(path) as draft:
            self.medium.strip(frames).save(draft, format="PNG")
        return path

    @property
    def _sheet(self) -> Path:
        return self.folder / "sheet.png"

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:05d}.png"
