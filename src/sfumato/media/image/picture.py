"""The picture that is edited: a file as large as it is, and what was converted of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.errors import SettingError
from sfumato.media.image.read import open_with, pixels_of
from sfumato.media.image.settings import ImageSettings
from sfumato.restoration.windows import window_corners

MOST_PIXELS = 2**24
"""The largest number of pixels that are restored at once."""

# JPEG does not keep the channels of grey equal.
_GREY_TOLERANCE = 4


@dataclass(frozen=True, eq=False)
class Picture:
    """A file as pixels.

    Attributes:
        pixels: uint8, shape (C, H, W), with the channels of the run.
        notes: What was converted, in sentences.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, settings: ImageSettings, resize: bool) -> Picture:
        """Read a file with the colours that training sees, at its own size unless ``resize``.

        Raises:
            DataError: It cannot be read.
            MissingExtra: It needs a package that is not installed.
        """
        image = open_with(path, settings, own_size=not resize)
        pixels = pixels_of(image, settings, own_size=not resize)
        return cls(pixels, tuple(_conversions(image, settings)))

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[1], self.pixels.shape[2]

    @property
    def item(self) -> NDArray[np.uint8]:
        """The pixels as a sample folder takes them, shape (H, W, C)."""
        return item_of(self.pixels)


def require_least(sides: tuple[int, int], settings: ImageSettings) -> None:
    """Check that a picture, as it becomes, is as large as what the model makes.

    Raises:
        SettingError: It is smaller.
    """
    height, width = sides
    if height < settings.height or width < settings.width:
        raise SettingError(
            f"The picture of {width} x {height} pixels is smaller than what the model makes.",
            why=f"it makes {settings.in_words} pixels",
            hint="--resize reads the file at the size of the model.",
        )


def require_canvas(sides: tuple[int, int], settings: ImageSettings) -> None:
    """Check that so many pixels can be restored at once, by windows of the model if need be.

    Raises:
        SettingError: They are too many.
    """
    height, width = sides
    if height * width > MOST_PIXELS:
        raise SettingError(
            f"{width:,} x {height:,} pixels are too many to be restored at once.",
            why=f"{MOST_PIXELS:,} are the most",
            hint="edit a part of the picture, or make it smaller first.",
        )
    require_least(sides, settings)
    window_corners((settings.height, settings.width), sides)


def item_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels (C, H, W) as an item (H, W, C)."""
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def _conversions(image: Image.Image, settings: ImageSettings) -> list[str]:
    notes = []
    if image.mode == "RGBA" and settings.channels != "rgba":
        notes.append(f"transparent parts are laid on {settings.background}, as in training")
    if settings.channels == "grey" and image.mode != "L":
        colours = np.asarray(image)[..., :3]
        if np.ptp(colours, axis=2).max() > _GREY_TOLERANCE:
            notes.append("the picture is read in grey, as in training, and its colours are lost")
    return notes
