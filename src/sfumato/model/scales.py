"""The strength of guidance in a request: one for all conditions, or one for each."""

from __future__ import annotations

import math

from sfumato.errors import SettingError, suggest
from sfumato.runs.spec import Spec


def scales_of(run: str, spec: Spec, scale: float | str | None) -> dict[str, float] | None:
    """The scale of each condition, as in ``words=4,label=2``; None for one scale of all.

    Raises:
        SettingError: The text is no list of scales, or names no condition of the run.
    """
    if not isinstance(scale, str) or "=" not in scale:
        return None
    found: dict[str, float] = {}
    for part in scale.split(","):
        name, _, text = (word.strip() for word in part.partition("="))
        if name not in spec.nulls:
            raise SettingError(
                f"The run '{run}' has no condition '{name}'.", hint=suggest(name, spec.nulls)
            )
        found[name] = plain_scale(text)
    return found


def plain_scale(text: float | str) -> float:
    """The scale of all conditions together.

    Raises:
        SettingError: It is not a finite number.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingError(
            f"scale cannot be '{text}'.",
            why="it should be a finite number",
            hint="or one for each condition, such as words=4,label=2.",
        )
    return number
