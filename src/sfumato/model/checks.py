"""Checks of a request against a model, before any work is done."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from unicodedata import normalize

from sfumato.errors import RunError, SettingError, suggest
from sfumato.guidance import BY_LABEL, GuidanceSpec
from sfumato.model.network import TrainedNetwork
from sfumato.runs.spec import Spec
from sfumato.runs.weights import BEST, LATEST

_ENDLESS = 2**60
"""Bounds from here on are those of a computer word, which mean nothing to a user."""


def require_within(name: str, value: int, least: int, most: int) -> None:
    """Check that a number is in [least, most].

    Raises:
        SettingError: The number is out of range.
    """
    if least <= value <= most:
        return
    why = f"it must be from {least:,} to {most:,}"
    if most >= _ENDLESS and value < least:
        why = f"it must be {least:,} or more"
    elif most >= _ENDLESS:
        why = f"the largest whole number is {most:,}"
    raise SettingError(f"{name} cannot be {value:,}.", why=why)


def require_label(
    run: str, spec: Spec, label: str | None, scale: float = 1.0, guidance: GuidanceSpec = BY_LABEL
) -> str | None:
    """Check the label, the scale and the guidance of a request against a run.

    Args:
        run: Name of the run.
        spec: Its spec.
        label: Name of a class, or None.
        scale: Strength of guidance.
        guidance: Rule of guidance.

    Returns:
        The name of the class as the run has it. The label may be composed of other characters that
        look the same, as names of files are on some systems.

    Raises:
        SettingError: The run does not support them.
    """
    classes = spec.data.classes
    if not math.isfinite(scale):
        raise SettingError(f"scale cannot be {scale}.", why="it should be a finite number")
    if not spec.classes and spec.conditions:
        if label is None:
            return None
        named = ", ".join(spec.conditions)
        raise SettingError(
            f"The run '{run}' takes no label.",
            why=f"it was trained without classes; its conditions are: {named}",
            hint="say it in words (--prompt), or with --conditions NAME=VALUE.",
        )
    if not spec.classes:
        if label is not None or (guidance.needs_label and (scale != 1 or guidance != BY_LABEL)):
            raise SettingError(
                f"The run '{run}' takes neither a label nor guidance to one.",
                why="it was trained without classes",
                hint="sort the files into one folder per class and train again.",
            )
        return None
    if label is None or label in classes:
        return label
    composed = normalize("NFC", label)
    for name in classes:
        if normalize("NFC", name) == composed:
            return name
    raise SettingError(f"The run '{run}' has no label '{label}'.", hint=suggest(label, classes))


def require_weights(model: TrainedNetwork[Any], path: Path, made_by: str) -> None:
    """Check that a stored sample was made by the present weights.

    Raises:
        RunError: Other weights made it.
    """
    if made_by == model.fingerprint:
        return
    name, snapshot = model.directory.name, model.snapshot
    other = BEST if snapshot == LATEST else LATEST
    raise RunError(
        f"'{path}' was not made by the weights that '{name}' has now.",
        why=f"it names model {made_by}; the run's is {model.fingerprint} ({snapshot})",
        hint=f"try --snapshot {other}; or the run was trained further since.",
    )


def require_early(model: TrainedNetwork[Any], path: Path, made_by: str | None) -> None:
    """Check that a stored sample was guided away from the present early weights.

    Raises:
        RunError: The run has other early weights, or none.
    """
    if made_by is not None and made_by != model.early.fingerprint:
        raise RunError(
            f"'{path}' was not made by the early weights that '{model.directory.name}' has now.",
            why=f"it names {made_by}; the run's are {model.early.fingerprint}",
            hint="the run was trained further since.",
        )
