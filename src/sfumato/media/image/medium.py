"""Pictures: files to square uint8 arrays to tensors in [-1, 1], and back.

A picture file is decoded once to ``(C, H, W)`` uint8 and cached; ``encode`` maps a batch of those
to floats in [-1, 1], where the processes work; ``decode`` maps floats to ``(B, H, W, C)`` uint8 for
looking at and for writing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageColor
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from sfumato.errors import DataError, Diverged, MissingExtra, SettingError
from sfumato.media.data.index import FileKind, Index
from sfumato.media.data.items import Encoded
from sfumato.media.image import sheet as sheets
from sfumato.media.image.open import FITS, IMAGES, on_background, open_picture
from sfumato.media.image.provenance import read_recipe, write_png

# Part of the key of every cached array: raise it when reading gives other pixels than before.
_PIXELS = 1
_CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}
_SAMPLED = 256
_GREY_TOLERANCE = 4


class ImageSettings(BaseModel):
    """How pictures are read, and how they are varied during training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(32, ge=8, le=1024, description="side of the square pictures, in pixels")
    channels: Literal["auto", "grey", "rgb", "rgba"] = Field(
        "auto",
        description="auto: grey if every picture is grey, else rgb; rgba only when asked for",
    )
    background: str = Field(
        "white", description="colour that transparency is laid on, and that padding is filled with"
    )
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop", description="how a picture that is not square becomes square"
    )
    flip: bool = Field(False, description="augmentation: mirror half of the pictures")
    shift: int = Field(0, ge=0, le=512, description="augmentation: move by up to N pixels")
    # Pillow warns above 89,478,485 pixels and the warning is taken for an error: a higher limit
    # here would promise too much.
    max_pixels: int = Field(
        64_000_000, ge=64, le=89_000_000, description="refuse files that decode to more pixels"
    )

    @field_validator("background")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        ImageColor.getrgb(value)
        return value

    def resolve(self, index: Index) -> ImageSettings:
        """Settle ``channels="auto"`` by looking at the data.

        Up to 256 pictures, evenly spaced through the index, are read on the background. If all of
        them are grey (channels within 4 levels of each other, which JPEG needs) the answer is
        ``grey``, else ``rgb``. Transparency alone never gives ``rgba``: a run that wants to draw
        transparent pictures says so.
        """
        if self.channels != "auto":
            return self
        medium = ImageMedium(self.model_copy(update={"channels": "rgb"}))
        step = -(-len(index) // _SAMPLED)
        grey: bool | None = None
        for item in index.items[::step]:
            try:
                pixels = medium.read(index.file(item))
            except (DataError, MissingExtra):
                continue
            grey = bool(np.ptp(pixels, axis=0).max() <= _GREY_TOLERANCE)
            if not grey:
                break
        return self.model_copy(update={"channels": "grey" if grey else "rgb"})


class ImageMedium:
    """Reads, encodes, decodes, varies, shows and writes pictures of one size.

    Raises:
        SettingError: ``channels`` is still ``auto``.
    """

    kind: FileKind = IMAGES
    variations = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, settings: ImageSettings) -> None:
        if settings.channels == "auto":
            raise SettingError(
                "The number of channels is not settled.",
                why="channels is 'auto', which depends on the data",
                hint="use settings.resolve(index), or set channels to grey, rgb or rgba.",
            )
        self.settings = settings

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every picture."""
        side = self.settings.size
        return _CHANNELS[self.settings.channels], side, side

    @property
    def signal_shape(self) -> tuple[int, int, int]:
        """As a process sees them: the same."""
        return self.shape

    @property
    def cache_key(self) -> str:
        """Everything that decides the pixels of a read picture, as text."""
        decisive = {"size", "channels", "background", "fit", "max_pixels"}
        settings = self.settings.model_dump(include=decisive)
        return json.dumps({"image": _PIXELS, **settings}, sort_keys=True)

    @cached_property
    def _background(self) -> tuple[int, int, int]:
        red, green, blue = ImageColor.getrgb(self.settings.background)[:3]
        return red, green, blue

    def read(self, path: Path, part: int = 0) -> NDArray[np.uint8]:
        """Read a file, which has one part, as uint8 of shape (C, H, W).

        Pictures are reduced with an antialiased Lanczos filter on premultiplied colours, so that
        edges of transparent pictures get no dark fringe. With ``rgba``, pixels that cannot be seen
        get the colour of the background.

        Raises:
            DataError: The file cannot be read, with the reason in ``why``.
            MissingExtra: An SVG, without the package that renders it.
        """
        picture = open_picture(path, self.settings.max_pixels, self.settings.size)
        if self.settings.channels == "rgba":
            picture = picture.convert("RGBA")
        else:
            picture = on_background(picture, self._background)
        picture = FITS[self.settings.fit](picture, self.settings.size, self._background)
        mode = {"grey": "L", "rgb": "RGB", "rgba": "RGBA"}[self.settings.channels]
        pixels = np.array(picture.convert(mode))
        if mode == "RGBA":
            pixels[pixels[..., 3] == 0, :3] = self._background
        return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))

    def encode(self, pixels: NDArray[np.uint8] | Tensor) -> Tensor:
        """uint8 in [0, 255] to float32 in [-1, 1], of the same shape."""
        return torch.as_tensor(pixels).to(torch.float32).div_(127.5).sub_(1.0)

    def decode(self, x0: Tensor) -> NDArray[np.uint8]:
        """Floats of shape (B, C, H, W), nominally in [-1, 1], to uint8 of shape (B, H, W, C).

        Values outside the range are clipped.

        Raises:
            Diverged: A value is not finite.
        """
        x0 = x0.detach().to("cpu", torch.float32)
        if not torch.isfinite(x0).all():
            raise Diverged(
                "A picture has values that are not finite.",
                why="the network or the sampler diverged",
                hint="sample with more steps or a lower guidance scale, or train at a lower rate.",
            )
        levels = x0.add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        decoded: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).contiguous().numpy()
        return decoded

    def examples(self, pixels: NDArray[np.uint8], uniforms: Tensor | None = None) -> Encoded:
        """Pictures, uint8 (B, C, H, W), to learn from; varied if uniforms are given."""
        x0 = self.encode(pixels)
        return Encoded(x0 if uniforms is None else self.augment(x0, uniforms))

    def augment(self, x0: Tensor, uniforms: NDArray[np.floating[Any]] | Tensor) -> Tensor:
        """Mirror and move pictures as the settings allow.

        Args:
            x0: Shape (B, C, H, W).
            uniforms: In [0, 1), shape (B, 3): for the flip, the vertical and the horizontal shift.
                The result is a pure function of them.

        Returns:
            A batch of the same shape; pixels moved in from outside repeat the edge.
        """
        flip, shift = self.settings.flip, self.settings.shift
        if not flip and not shift:
            return x0
        batch, _, height, width = x0.shape
        u = torch.as_tensor(uniforms, device=x0.device)
        move = (u[:, 1:] * (2 * shift + 1)).floor().long() - shift
        rows = torch.arange(height, device=x0.device) - move[:, :1]
        columns = torch.arange(width, device=x0.device) - move[:, 1:]
        rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
        if flip:
            columns = torch.where(u[:, :1] < 0.5, width - 1 - columns, columns)
        which = torch.arange(batch, device=x0.device)[:, None, None]
        moved = x0.movedim(1, -1)[which, rows[:, :, None], columns[:, None, :]]
        return moved.movedim(-1, 1).contiguous()

    def write(
        self, path: Path, pixels: NDArray[np.uint8], recipe: Mapping[str, Any] | None = None
    ) -> None:
        """Write one picture, uint8 (H, W, C), as PNG with its recipe inside.

        Raises:
            ValueError: The recipe is not JSON or is larger than 1 MiB.
            DiskFull: There is not enough room.
        """
        write_png(path, pixels, recipe)

    def read_recipe(self, path: Path) -> dict[str, Any]:
        """How a picture was made, from the file itself.

        Raises:
            DataError: The file carries no recipe.
        """
        return read_recipe(path)

    def sheet(
        self, pictures: NDArray[np.uint8], columns: int | None = None, scale: int | None = None
    ) -> Image.Image:
        """Pictures, uint8 (B, H, W, C), on one contact sheet."""
        return sheets.sheet(pictures, columns, scale)

    def strip(self, pictures: NDArray[np.uint8], scale: int | None = None) -> Image.Image:
        """Pictures, uint8 (B, H, W, C), in one row."""
        return sheets.strip(pictures, scale)
