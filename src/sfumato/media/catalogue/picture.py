"""Pictures of a catalogue set."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Picture(NamedTuple):
    """One picture of a set, ready to be written.

    Attributes:
        path: Relative, ending in ``.png``; its first part is the folder of the label.
        data: The bytes of the file.
        label: Its class.
        caption: What it shows, in words.
        group: Shared by near-duplicates.
    """

    path: str
    data: bytes
    label: str
    caption: str
    group: str

    @property
    def items(self) -> int:
        """One picture a file."""
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


def to_png(pixels: NDArray[np.uint8] | Image.Image) -> bytes:
    """Encode (H, W) grey pixels, or a picture, as PNG."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
