"""What sizes a backbone can take. Free of torch, so that a spec can be checked without it.

Names of parts that specs choose by, known without loading torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sfumato.errors import SettingError

GROUP = 16
"""Channels per group of a group norm; every width of a U-Net is a multiple."""


def require_multiple(sides: Sequence[int], multiple: int) -> None:
    """Check that a backbone which divides its input by `multiple` can take these sides.

    Raises:
        SettingError: A side is zero or not a multiple.
    """
    if any(side < 1 or side % multiple for side in sides):
        shown = "×".join(str(side) for side in sides)
        raise SettingError(
            f"This backbone cannot take an input of size {shown}.",
            why=f"it divides every side by {multiple}.",
            hint=f"use sides that are multiples of {multiple}, or fewer levels or smaller patches.",
        )


ActivationName = Literal["gelu", "squared-relu"]
