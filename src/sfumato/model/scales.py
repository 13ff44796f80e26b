"""The strength of guidance in a request: one for all conditions, or one for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from sfumato.errors import SettingError, suggest
from sfumato.guidance import BY_LABEL, GuidanceSpec
from sfumato.runs.spec import Spec


def scales_of(
    run: str, spec: Spec, scale: float | str | None, guidance: GuidanceSpec = BY_LABEL
) -> dict[str, float] | None:
    """The scale of each condition, as in ``words=4,label=2``; None for one scale of all.

    Raises:
        SettingError: The text is no list of scales, or names no condition of the run or one twice;
            or the guidance is not one towards conditions.
    """
    if not isinstance(scale, str) or "=" not in scale:
        return None
    if guidance.needs_early:
        raise SettingError(
            f"scale cannot be '{scale}' with this guidance.",
            why="guidance away from early weights has one strength",
            hint="give one number, or leave out --guidance.",
        )
    found: dict[str, float] = {}
    for part in scale.split(","):
        name, _, text = (word.strip() for word in part.partition("="))
        if name not in spec.nulls:
            raise unknown_condition(run, name, spec.nulls)
        if name in found:
            raise SettingError(f"scale has two values for '{name}'.", hint="leave out one of them.")
        found[name] = plain_scale(text)
    return found


def unknown_condition(run: str, name: str, known: Iterable[str]) -> SettingError:
    """The error about a condition that a run does not have.

    Args:
        run: Name of the run.
        name: Name of the condition.
        known: Names of the conditions that it has.
    """
    return SettingError(f"The run '{run}' has no condition '{name}'.", hint=suggest(name, known))


def require_effect(negative: str | None, scale: float, scales: Mapping[str, float] | None) -> None:
    """Check that guidance is on where words are to be led away from.

    Raises:
        SettingError: It is off, so that the words would have no effect.
    """
    if negative is not None and scale == 1 and not scales:
        raise SettingError(
            "The words of --not would have no effect.",
            why="only guidance leads away from them, and scale=1 turns it off",
            hint="add --scale 3.",
        )


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
