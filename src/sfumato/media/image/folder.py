"""Where pictures are put: one PNG each with its recipe inside, and a sheet of them all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato import storage
from sfumato.media.image.medium import ImageMedium
from sfumato.model.request import Made
from sfumato.model.writing import SHOWN, SampleFolder

_NUMBER = re.compile(r"(\d+)(-from-noise)?\.png")


@dataclass
class PictureFolder(SampleFolder):
    """A folder of pictures.

    Attributes:
        medium: How samples become files.
    """

    medium: ImageMedium = field(kw_only=True)
    _shown: list[NDArray[np.uint8]] = field(default_factory=list)

    def number(self, name: str) -> int | None:
        """See :meth:`SampleFolder.number`."""
        found = _NUMBER.fullmatch(name)
        return None if found is None else int(found[1])

    def add(self, made: Made) -> None:
        """See :meth:`SampleFolder.add`."""
        for index, pixels, recipe in zip(made.indices, made.items, made.recipes, strict=True):
            path = self.folder / f"{index:05d}.png"
            self.medium.write(path, pixels, recipe)
            self.files.append(path)
            if len(self._shown) < SHOWN:
                self._shown.append(pixels)

    def finish(self) -> Path:
        """See :meth:`SampleFolder.finish`."""
        picture = self.medium.sheet(np.stack(self._shown))
        with storage.replacing(self.sheet) as draft:
            picture.save(draft, format="PNG")
        return self.sheet

    def strip(self, index: int, frames: NDArray[Any]) -> Path:
        """Write some states of one sample, shape (F, H, W, C), in a row; returns the path."""
        path = self.folder / f"{index:05d}-from-noise.png"
        with storage.replacing(path) as draft:
            self.medium.strip(frames).save(draft, format="PNG")
        return path
