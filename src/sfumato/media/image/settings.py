"""How images are read, and how they are varied in training."""

from __future__ import annotations

import re
from typing import Any, Literal

from PIL import ImageColor
from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfumato.errors import SettingError
from sfumato.imaging.limits import MOST_PIXELS
from sfumato.nets.specs import BackboneSpec

_LEAST, _MOST = 8, 1024
_OPAQUE = len("RGB")
_SIZE = re.compile(r"(\d{1,6})(?:\s*[x\u00d7*]\s*(\d{1,6}))?", re.IGNORECASE)


class ImageSettings(BaseModel):
    """How files become images of one size, and how these are varied in training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int | str = Field(
        32,
        description="the side of square images in pixels, such as 64, or width x height, such as "
        "48x32; each from 8 to 1024",
    )
    channels: Literal["auto", "grey", "rgb", "rgba"] = Field(
        "auto",
        description="auto: grey if every image is grey, else rgb; never rgba",
    )
    background: str = Field(
        "white", description="colour behind transparent pixels and of the padding"
    )
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop", description="how an image of other proportions gets those of the size"
    )
    resample: Literal["lanczos", "nearest"] = Field(
        "lanczos", description="how an image is resized; nearest keeps the pixels of pixel art"
    )
    flip: bool = Field(False, description="augmentation: mirror half of the images")
    shift: int = Field(0, ge=0, le=512, description="augmentation: move by up to N pixels")
    max_pixels: int = Field(
        64_000_000, ge=64, le=MOST_PIXELS, description="refuse files of more pixels"
    )
    white: int | None = Field(
        None,
        ge=1,
        le=2**32 - 1,
        description="the value of white in samples of more than 8 bits, such as 4095 for 12 bits "
        "in files of 16; none: 65535, or 1 for floating point",
    )
    truncated: bool = Field(False, description="read files whose end is missing as far as they go")

    @field_validator("size", mode="before")
    @classmethod
    def _is_size(cls, value: Any) -> int | str:
        width, height = _sides(value)
        if not (min(width, height) >= _LEAST and max(width, height) <= _MOST):
            raise ValueError(f"width and height should be from {_LEAST} to {_MOST} pixels")
        return width if width == height else f"{width}x{height}"

    @field_validator("background")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        try:
            channels = len(ImageColor.getrgb(value))
        except ValueError:
            channels = 0
        if channels != _OPAQUE:
            raise ValueError("it should be the name of a colour, such as white, or #rrggbb")
        return value

    @property
    def width(self) -> int:
        """Width of every image in pixels."""
        return _sides(self.size)[0]

    @property
    def height(self) -> int:
        """Height of every image in pixels."""
        return _sides(self.size)[1]

    @property
    def in_words(self) -> str:
        """The size for a table, such as ``48 x 32``."""
        return f"{self.width} x {self.height}"


def require_size(settings: ImageSettings, backbone: BackboneSpec) -> None:
    """Check that a network can take images of a size.

    Raises:
        SettingError: A side is not a multiple of what the network divides it by.
    """
    multiple = backbone.multiple
    sides = settings.width, settings.height
    if all(side % multiple == 0 for side in sides):
        return
    # Halves are rounded up, so that no side becomes zero.
    width, height = (max(1, (side + multiple // 2) // multiple) * multiple for side in sides)
    nearest = width if width == height else f"{width}x{height}"
    raise SettingError(
        f"This network cannot take images of {settings.in_words} pixels.",
        why=f"it divides every side by {multiple}",
        hint=f"the nearest size that works is --settings medium.size={nearest}; fewer levels or "
        "smaller patches of the network work with more sizes.",
    )


def _sides(value: Any) -> tuple[int, int]:
    """Width and height of a size.

    Raises:
        ValueError: It is not a size.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    if isinstance(value, list | tuple) and len(value) == 2:
        value = "x".join(map(str, value))
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            "it should be the side in pixels, such as 64, or width x height, such as 48x32"
        )
    width, height = found.groups()
    return int(width), int(height or width)
