"""The words of a command line for an edit: a box, sides with amounts, a number or a path."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from pathlib import Path

from sfumato.errors import SettingError, suggest

SIDES = ("left", "top", "right", "bottom")
"""The sides of a picture."""

_WHOLE = re.compile(r"[+-]?\d{1,9}")


def box_from(text: str) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels, from text such as ``8,8,16,16``.

    Raises:
        SettingError: It is not four whole numbers.
    """
    words = [word.strip() for word in text.split(",")]
    if len(words) != 4 or not all(map(_WHOLE.fullmatch, words)):
        raise SettingError(
            f"'{text}' is not a box.",
            why="a box is four whole numbers: left, top, width and height in pixels",
            hint="write them with commas between, such as --box 8,8,16,16.",
        )
    left, top, width, height = map(int, words)
    return left, top, width, height


def outpaint_from(text: str) -> dict[str, int]:
    """Pixels to add at some sides, from text such as ``left=64,top=8``; ``all=8`` is every side.

    Raises:
        SettingError: A side is unknown or named twice, or an amount is not a whole number.
    """
    amounts: dict[str, int] = {}
    for part in text.split(","):
        name, equals, amount = (word.strip() for word in part.partition("="))
        if not equals or not _WHOLE.fullmatch(amount):
            raise SettingError(
                f"'{part.strip()}' does not say how much to add at which side.",
                hint="write sides and pixels, such as --outpaint left=64,top=8 or all=16.",
            )
        if name not in (*SIDES, "all"):
            raise SettingError(f"A picture has no side '{name}'.", hint=suggest(name, SIDES))
        for side in SIDES if name == "all" else (name,):
            if side in amounts:
                raise SettingError(f"The side '{side}' is named twice.", why=f"in '{text}'")
            amounts[side] = int(amount)
    return amounts


def blur_from(text: str) -> float | Path:
    """A standard deviation in pixels from a number, or the path of the image of a kernel.

    Raises:
        SettingError: It is empty, or a number that is not positive and finite.
    """
    if not text.strip():
        raise SettingError("No blur is named.", hint="name a number of pixels or a file.")
    with suppress(ValueError):
        sigma = float(text)
        if not 0 < sigma < math.inf:
            raise SettingError(
                f"A blur of {text} pixels cannot be undone.",
                hint="name the standard deviation of the blur in pixels, such as 1.5.",
            )
        return sigma
    return Path(text)
