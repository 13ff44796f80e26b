"""What a user writes for an edit of a picture, as text or as Python values.

Each function takes the words of a command line and what they stand for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sfumato.errors import SettingError, suggest
from sfumato.media.editing import Wanted

SIDES = ("left", "top", "right", "bottom")
"""The sides of a picture."""

_WHOLE = re.compile(r"[+-]?\d{1,9}")


def parsed(wanted: Wanted) -> Wanted:
    """What a user wants, with all text read that stands for values of pictures.

    Raises:
        SettingError: It stands for none.
    """
    return replace(
        wanted,
        mask=None if wanted.mask is None else Path(wanted.mask),
        box=None if wanted.box is None else box_from(wanted.box),
        outpaint=None if wanted.outpaint is None else outpaint_from(wanted.outpaint),
        deblur=None if wanted.deblur is None else blur_from(wanted.deblur),
        denoise=None if wanted.denoise is None else noise_from(wanted.denoise),
    )


def box_from(box: str | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels, from text such as ``8,8,16,16`` or four numbers.

    Raises:
        SettingError: It is not four whole numbers.
    """
    words = box.split(",") if isinstance(box, str) else [str(number) for number in box]
    words = [word.strip() for word in words]
    if len(words) != 4 or not all(map(_WHOLE.fullmatch, words)):
        raise SettingError(
            f"'{','.join(words)}' is not a box.",
            why="a box is four whole numbers: left, top, width and height in pixels",
            hint="write them with commas between, such as --box 8,8,16,16.",
        )
    left, top, width, height = map(int, words)
    return left, top, width, height


def outpaint_from(amounts: str | Mapping[str, int]) -> dict[str, int]:
    """Pixels to add at some sides, from text such as ``left=64,top=8``; ``all=8`` is every side.

    Raises:
        SettingError: A side is unknown or named twice, or an amount is not a whole number.
    """
    if not isinstance(amounts, str):
        amounts = ",".join(f"{side}={amount}" for side, amount in amounts.items())
    found: dict[str, int] = {}
    for part in amounts.split(","):
        name, equals, amount = (word.strip() for word in part.partition("="))
        if not equals or not _WHOLE.fullmatch(amount):
            raise SettingError(
                f"'{part.strip()}' does not say how much to add at which side.",
                hint="write sides and pixels, such as --outpaint left=64,top=8 or all=16.",
            )
        if name not in (*SIDES, "all"):
            raise SettingError(f"A picture has no side '{name}'.", hint=suggest(name, SIDES))
        for side in SIDES if name == "all" else (name,):
            if side in found:
                raise SettingError(f"The side '{side}' is named twice.", why=f"in '{amounts}'")
            found[side] = int(amount)
    return found


def blur_from(blur: float | str | Path) -> float | Path:
    """A standard deviation in pixels from a number, or the path of the image of a kernel.

    Raises:
        SettingError: It is empty, or a number that is not positive and finite.
    """
    if isinstance(blur, Path):
        return blur
    if isinstance(blur, str) and not blur.strip():
        raise SettingError("No blur is named.", hint="name a number of pixels or a file.")
    with suppress(ValueError):
        sigma = float(blur)
        if not 0 < sigma < math.inf:
            raise SettingError(
                f"A blur of {blur} pixels cannot be undone.",
                hint="name the standard deviation of the blur in pixels, such as 1.5.",
            )
        return sigma
    return Path(str(blur))


def noise_from(level: float | str) -> float | str:
    """The level of noise as a number, or ``auto``.

    Raises:
        SettingError: It is other text.
    """
    if level == "auto":
        return "auto"
    with suppress(ValueError):
        return float(level)
    raise SettingError(
        f"'{level}' is not a level of noise.",
        hint="--denoise is a share of the full range, such as 0.05, or auto.",
    )
