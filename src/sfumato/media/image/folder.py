"""Folders of sampled images: PNG files that contain their provenance, and a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.media.captions import caption_of
from sfumato.media.folder import SHOWN, Present, SampleFolder, save_png
from sfumato.media.image.beside import beside
from sfumato.media.image.provenance import read_recipe, write_png
from sfumato.media.image.sheet import sheet, strip


@dataclass
class ImageFolder(SampleFolder):
    """Writes images."""

    formats: ClassVar[tuple[str, ...]] = ("png",)

    _shown: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    _captions: dict[int, str] = field(default_factory=dict)

    @staticmethod
    def provenance_of(path: Path) -> Mapping[str, Any]:
        """See :meth:`SampleFolder.provenance_of`."""
        return read_recipe(path)

    def keep(self, present: Present, requested: bool) -> None:
        """See :meth:`SampleFolder.keep`; the image is shown on the contact sheet."""
        super().keep(present, requested)
        if len(self._shown) < SHOWN:
            with Image.open(present.path, formats=("PNG",)) as image:
                pixels = np.asarray(image)
            self._shown[present.index] = pixels if pixels.ndim == 3 else pixels[..., None]
            self._captions[present.index] = caption_of(present.provenance)

    def add(
        self, indices: Sequence[int], items: Any, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """See :meth:`SampleFolder.add`; items are uint8 (B, H, W, C)."""
        for index, pixels, origin in zip(indices, items, provenance, strict=True):
            path = self.path / f"{index:05d}.png"
            write_png(path, pixels, origin)
            self.files.append(path)
            if len(self._shown) < SHOWN:
                self._shown[index] = pixels
                self._captions[index] = caption_of(origin)

    def finish(self) -> None:
        """Write the contact sheet of the first 256 images, after the file that was edited.

        Below each image are its words, if it has any.
        """
        indices = sorted(self._shown)
        shown = np.stack([self._shown[index] for index in indices])
        if self.original is None:
            image = sheet(shown, captions=[self._captions[index] for index in indices])
        else:
            image = beside(self.original, self.observed, shown)
        save_png(image, self.path / "sheet.png")

    def add_trajectory(self, index: int, frames: NDArray[np.uint8]) -> None:
        """Write some states of one sample, uint8 (F, H, W, C), in a row."""
        path = self.path / f"{index:05d}-from-noise.png"
        save_png(strip(frames), path)
        self.trajectories.append(path)
