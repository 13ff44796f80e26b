"""How images are read, and how they are varied in training."""

from __future__ import annotations

from typing import Literal

from PIL import ImageColor
from pydantic import BaseModel, ConfigDict, Field, field_validator


class ImageSettings(BaseModel):
    """How files become square images of one size, and how these are varied in training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(32, ge=8, le=1024, description="side of the square images, in pixels")
    channels: Literal["auto", "grey", "rgb", "rgba"] = Field(
        "auto",
        description="auto: grey if every image is grey, else rgb; never rgba",
    )
    background: str = Field(
        "white", description="colour behind transparent pixels and of the padding"
    )
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop", description="how an image that is not square becomes square"
    )
    flip: bool = Field(False, description="augmentation: mirror half of the images")
    shift: int = Field(0, ge=0, le=512, description="augmentation: move by up to N pixels")
    # Pillow warns above 89,478,485 pixels, and the warning is treated as an error, so a higher
    # limit would have no effect.
    max_pixels: int = Field(
        64_000_000, ge=64, le=89_000_000, description="refuse files that decode to more pixels"
    )

    @field_validator("background")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        ImageColor.getrgb(value)
        return value
