"""Samples in memory: what Python users are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.media.audio.folder import SoundFolder, SoundFormat
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.image.folder import PictureFolder
from sfumato.media.image.medium import ImageMedium
from sfumato.media.text.folder import TextFolder
from sfumato.model.request import Made
from sfumato.model.writing import SampleFolder


@dataclass(frozen=True)
class Samples:
    """Pictures in memory.

    Attributes:
        pixels: uint8, shape (N, H, W, C).
        recipes: How each was made.
        medium: How they become files.
    """

    pixels: NDArray[np.uint8]
    recipes: list[dict[str, Any]]
    medium: ImageMedium

    def __len__(self) -> int:
        return len(self.pixels)

    def sheet(self) -> Image.Image:
        """All of them on one picture."""
        return self.medium.sheet(self.pixels)

    def save(self, folder: str | Path) -> list[Path]:
        """Write one PNG per sample, with its recipe inside, and a sheet.

        Raises:
            SettingError: A file would be overwritten.
        """
        return _saved(PictureFolder(Path(folder), medium=self.medium), self.pixels, self.recipes)


@dataclass(frozen=True)
class Sounds:
    """Sounds in memory.

    Attributes:
        clips: float32 in [-1, 1], shape (N, C, T); each is silent after its own end.
        recipes: How each was made; ``seconds`` says where it ends.
        medium: How they become files.
    """

    clips: NDArray[np.float32]
    recipes: list[dict[str, Any]]
    medium: AudioMedium

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, number: int) -> NDArray[np.float32]:
        """One sound up to its end, shape (C, T)."""
        return self.medium.lasting(self.clips[number], self.recipes[number]["seconds"])

    @property
    def rate(self) -> int:
        """Samples in a second."""
        return self.medium.settings.rate

    def sheet(self) -> Image.Image:
        """Pictures of all of them on one."""
        return self.medium.sheet([self[number] for number in range(len(self))])

    def save(self, folder: str | Path, form: SoundFormat = "wav") -> list[Path]:
        """Write one file per sound, with its recipe inside, and a sheet.

        Raises:
            SettingError: A file would be overwritten.
        """
        out = SoundFolder(Path(folder), medium=self.medium, form=form)
        return _saved(out, self.clips, self.recipes)


@dataclass(frozen=True)
class Texts:
    """Texts in memory.

    Attributes:
        texts: The texts.
        recipes: How each was made.
    """

    texts: list[str]
    recipes: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, number: int) -> str:
        return self.texts[number]

    def save(self, folder: str | Path) -> Path:
        """Write ``samples.jsonl``, one text a line with its recipe; returns its path.

        Raises:
            SettingError: The file exists.
        """
        out = TextFolder(Path(folder))
        out.require_free()
        out.add(self.texts, self.recipes)
        return out.samples


def _saved(out: SampleFolder, items: NDArray[Any], recipes: list[dict[str, Any]]) -> list[Path]:
    indices = [recipe["index"] for recipe in recipes]
    out.require_free(indices)
    out.add(Made(indices, items, recipes))
    out.finish()
    return out.files
