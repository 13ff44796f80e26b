"""Which pixels of a picture an edit makes anew: masks in files, boxes, and pixels around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.errors import SettingError, suggest
from sfumato.imaging.fit import FITS
from sfumato.media.edit_arguments import SIDES
from sfumato.media.image.read import open_with
from sfumato.media.image.settings import ImageSettings

_BLACK = (0, 0, 0)
_HALF = 128
# Levels nearer to black or white than this are those of a compressed mask.
_NEAR = 8


class Marked(NamedTuple):
    """Pixels to be made anew.

    Attributes:
        pixels: bool, shape (H, W), which is that of the picture with what is added to it.
        corner: Row and column of the first of them in the picture: negative if pixels are added
            above or on the left.
        notes: What was converted.
    """

    pixels: NDArray[np.bool_]
    corner: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()


def mask_of(path: Path, sides: tuple[int, int], settings: ImageSettings, resize: bool) -> Marked:
    """The pixels that an image marks in white.

    Transparent parts of it count as black. If all that is visible has one colour, the opaque parts
    are marked, whatever the colour is. Grey is marked from half of white on.

    Args:
        path: The image.
        sides: Height and width of the picture.
        settings: How the picture is read.
        resize: Whether the picture was fitted to the size of the model; an image of another size is
            then fitted in the same way, to the nearest pixel.

    Raises:
        SettingError: It has another size, or nothing or everything is marked.
        DataError: It cannot be read.
    """
    image = open_with(path, settings, own_size=True)
    levels = _levels(image)
    size = sides[1], sides[0]
    if image.size != size and resize:
        fit, nearest = FITS[settings.fit], Image.Resampling.NEAREST
        fitted = fit(Image.fromarray(levels), size, _BLACK, nearest)
        levels = np.asarray(fitted.convert("L"))
    elif image.size != size:
        raise SettingError(
            f"The mask '{path}' has {image.width} x {image.height} pixels.",
            why=f"the picture has {size[0]} x {size[1]}",
            hint="a mask has the size of its picture, of which it marks the part to make anew in "
            "white.",
        )
    marked = levels >= _HALF
    require_part(marked, f"the mask '{path}'", "paint the part to make anew in white.")
    between = float(((levels > _NEAR) & (levels < 255 - _NEAR)).mean())
    note = f"{between:.2%} of the mask is grey: what is lighter than half is made anew"
    return Marked(marked, notes=(note,) if between else ())


def _levels(image: Image.Image) -> NDArray[np.uint8]:
    """How much each pixel is marked, uint8 (H, W)."""
    if image.mode != "RGBA":
        return np.asarray(image.convert("L"))
    pixels = np.asarray(image)
    alpha = pixels[..., 3]
    visible = pixels[alpha > 0, :3]
    if len(visible) and not np.ptp(visible, axis=0).any():
        return alpha
    ground = Image.new("RGBA", image.size, (*_BLACK, 255))
    return np.asarray(Image.alpha_composite(ground, image).convert("L"))


def box_of(box: tuple[int, int, int, int], sides: tuple[int, int]) -> Marked:
    """The pixels of a box.

    Args:
        box: Left, top, width and height in pixels.
        sides: Height and width of the picture.

    Raises:
        SettingError: It has no pixels, is not inside the picture, or is all of it.
    """
    left, top, width, height = box
    if width < 1 or height < 1:
        raise SettingError(
            f"A box of {width} x {height} pixels has no part to make anew.",
            hint="a box is left,top,width,height, such as 8,8,16,16.",
        )
    right, bottom = left + width, top + height
    if left < 0 or top < 0 or right > sides[1] or bottom > sides[0]:
        first = min(max(left, 0), sides[1]), min(max(top, 0), sides[0])
        inner = min(right, sides[1]) - first[0], min(bottom, sides[0]) - first[1]
        part = f"; the part inside is {first[0]},{first[1]},{inner[0]},{inner[1]}"
        raise SettingError(
            f"The box {left},{top},{width},{height} is not inside the picture.",
            why=f"the picture has {sides[1]} x {sides[0]} pixels"
            + (part if min(inner) > 0 else ""),
            hint="a box is left,top,width,height; --outpaint adds pixels around a picture.",
        )
    marked = np.zeros(sides, np.bool_)
    marked[top:bottom, left:right] = True
    require_part(marked, "the box", "choose a smaller one.")
    return Marked(marked)


def around_of(amounts: Mapping[str, int], sides: tuple[int, int], most: int) -> Marked:
    """The pixels that are added around a picture.

    Args:
        amounts: The number of pixels to add at each of some ``SIDES``.
        sides: Height and width of the picture.
        most: The largest number of pixels of the result.

    Raises:
        SettingError: A side is unknown, or the amounts are not positive or too large.
    """
    for side, amount in amounts.items():
        if side not in SIDES:
            raise SettingError(f"A picture has no side '{side}'.", hint=suggest(side, SIDES))
        if amount < 0:
            raise SettingError(
                f"{amount} pixels cannot be added at the {side}.",
                hint="--box makes a part of the picture anew.",
            )
    left, top, right, bottom = (amounts.get(side, 0) for side in SIDES)
    height, width = top + sides[0] + bottom, left + sides[1] + right
    if (height, width) == sides:
        raise SettingError(
            "No pixels are to be added around the picture.",
            hint="name a side and a number of pixels, such as --outpaint left=64.",
        )
    if height * width > most:
        raise SettingError(
            f"The picture would become too large, with {width:,} x {height:,} pixels.",
            why=f"a picture that is made has at most {most:,}",
            hint="add fewer pixels.",
        )
    marked = np.ones((height, width), np.bool_)
    marked[top : top + sides[0], left : left + sides[1]] = False
    return Marked(marked, (-top, -left))


def require_part(marked: NDArray[np.bool_], name: str, hint: str) -> None:
    """Check that some pixels are marked and some are not.

    Args:
        marked: Shape (H, W).
        name: What marks them.
        hint: What to do if none is marked.

    Raises:
        SettingError: None is marked, or all are.
    """
    if not marked.any():
        raise SettingError(
            "No part of the picture is to be made anew.", why=f"{name} marks no pixel", hint=hint
        )
    if marked.all():
        raise SettingError(
            "All of the picture is to be made anew, so nothing of it is known.",
            why=f"{name} marks every pixel",
            hint="mark a part; sfumato sample makes pictures from nothing.",
        )
