"""Times and frequencies as a user writes them: ``1.2-1.5``, ``2s``, ``50ms``, ``4kHz``."""

from __future__ import annotations

import math
import re

from sfumato.errors import SettingError

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_TIME = re.compile(rf"({_NUMBER})\s*(ms|s|min)?", re.IGNORECASE)
_FREQUENCY = re.compile(rf"({_NUMBER})\s*(hz|khz)?", re.IGNORECASE)
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0}
_HERTZ = {"hz": 1.0, "khz": 1000.0}
# Longer texts are no numbers.
_LONGEST = 64


def seconds_from(text: str) -> float:
    """A time in seconds from text such as ``2``, ``2s``, ``50ms`` or ``1.5min``.

    Raises:
        SettingError: It is no time.
    """
    found = _TIME.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    seconds = math.inf if found is None else float(found[1]) * _SECONDS[(found[2] or "s").lower()]
    if found is None or not math.isfinite(seconds):
        raise SettingError(
            f"'{text[:_LONGEST]}' is not a time.", hint="write seconds, such as 2 or 2s or 50ms."
        )
    return seconds


def gap_from(text: str) -> tuple[float, float]:
    """Begin and end in seconds from text such as ``1.2-1.5`` or ``200ms-250ms``.

    Raises:
        SettingError: It is no pair of times, or the end is not after the begin.
    """
    parts = text.split("-") if len(text) <= 2 * _LONGEST else []
    if len(parts) != 2:
        raise SettingError(
            f"'{text[:_LONGEST]}' is not a part of a sound.",
            hint="write its begin and its end in seconds, such as 1.2-1.5.",
        )
    begin, end = map(seconds_from, parts)
    if end <= begin:
        raise SettingError(
            f"The gap {text} has no length.", why="its end is not after its begin",
            hint="write its begin and its end in seconds, such as 1.2-1.5.",
        )  # fmt: skip
    return begin, end


def hertz_from(text: str) -> float:
    """A frequency in Hz from text such as ``4000``, ``4000Hz`` or ``4kHz``.

    Raises:
        SettingError: It is no frequency.
    """
    found = _FREQUENCY.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    hertz = math.inf if found is None else float(found[1]) * _HERTZ[(found[2] or "hz").lower()]
    if found is None or not math.isfinite(hertz):
        raise SettingError(
            f"'{text[:_LONGEST]}' is not a frequency.", hint="write Hz, such as 4000 or 4kHz."
        )
    return hertz
