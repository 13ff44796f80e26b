"""Pictures with fewer bits for each value, in files of eight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import SettingError


def require_levels(pixels: NDArray[np.uint8], bits: int) -> None:
    """Check that a picture has only the levels of some bits, see :func:`signal_of_levels`.

    Raises:
        SettingError: It has others.
    """
    signal_of_levels(pixels, bits)


def signal_of_levels(pixels: NDArray[np.uint8], bits: int) -> NDArray[np.float32]:
    """What a picture with fewer bits says about the values before they were rounded.

    Files hold such levels in three ways: spread evenly from 0 to 255, with their first bits
    repeated below their last one, or with bits of 0 below their last one. The last way is that of
    programs that drop bits, so that the values were above those in the file, by half a level on
    average.

    Args:
        pixels: uint8, any shape.
        bits: From 1 to 7.

    Returns:
        The middle of each level's interval as a signal in [-1, 1], float32, of the same shape.

    Raises:
        SettingError: The picture has other levels.
    """
    count = 1 << bits
    number = np.arange(count)
    even = number * (2 / (count - 1)) - 1
    dropped = (number + 0.5) * (2 / count) - 1
    ways = (
        (np.rint(number * (255 / (count - 1))), even),
        (_repeated(number, bits), even),
        (number << (8 - bits), dropped),
    )
    present = np.bincount(pixels.ravel(), minlength=256) > 0
    for stored, signal in ways:
        table = np.full(256, np.nan, np.float32)
        table[stored.astype(np.uint8)] = signal
        if not np.isnan(table[present]).any():
            found: NDArray[np.float32] = table[pixels]
            return found
    raise SettingError(
        f"The picture was not stored with {bits} bit{'s' * (bits > 1)} for each value.",
        why=f"it has {int(present.sum())} levels, some of which are none of the {count} possible "
        "ones",
        hint="the file was changed afterwards, or has more bits; --denoise can treat the error as "
        "noise.",
    )


def _repeated(number: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Eight bits that repeat those of each number."""
    widened = np.zeros_like(number)
    for shift in range(8 - bits, -bits, -bits):
        widened |= number << shift if shift >= 0 else number >> -shift
    return widened
