"""The plan of a run: a recipe with the user's changes of settings and length."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sfumato.data.selection import Selection
from sfumato.errors import SettingError
from sfumato.media.registry import DEFAULT, AnyRecipe, find, medium_of, require_own
from sfumato.model.options import CheckOptions, Settings, TrainOptions
from sfumato.recipes import override
from sfumato.training.source import recipe_for

_MOST_STEPS = 10**12
"""More steps than any machine takes; the names of checkpoints and their counters hold them."""


def planned(
    recipe: str = DEFAULT,
    steps: int | None = None,
    minutes: float | None = None,
    changes: Settings = (),
) -> AnyRecipe:
    """A recipe by its name, with some settings and the length of the run replaced.

    Args:
        recipe: Name of the recipe; see ``sfumato recipes``.
        steps: Length of the run in optimiser steps.
        minutes: Length of the run in minutes.
        changes: Settings to change, such as ``{"engine.batch": 32}`` or ``["engine.batch=32"]``.

    Raises:
        SettingError: The recipe or a setting is unknown, or a value does not fit.
    """
    return with_length(override(find(recipe), as_changes(changes)), steps, minutes)


def planned_for(
    source: str | Path, options: TrainOptions, begun: AnyRecipe | None = None
) -> AnyRecipe:
    """The recipe that suits some data, or the one named, changed as the options say.

    Args:
        source: A folder, a file or a name in the catalogue; see
            :func:`~sfumato.training.source.recipe_for`.
        options: How to train.
        begun: The recipe of the run whose weights the new one begins with. It takes the place of
            the recipe that suits the data.

    Raises:
        SettingError: The recipe or a setting is unknown, a value does not fit, or an option is of
            another medium.
        DataError: The source is empty, or cannot be a path.
    """
    plan = changed_for(source, options, "label_field", begun=begun)
    return with_length(plan, options.steps, options.minutes)


def changed_for(
    source: str | Path,
    options: TrainOptions | CheckOptions,
    *names: str,
    begun: AnyRecipe | None = None,
) -> AnyRecipe:
    """The recipe that suits some data, or the one named, with the settings that options change.

    Args:
        source: A folder, a file or a name in the catalogue.
        options: Hold the name of the recipe, and settings to change.
        names: Names of the options that are settings of one medium.
        begun: See :func:`planned_for`.

    Raises:
        SettingError: See :func:`planned_for`.
        DataError: The source is empty, or cannot be a path.
    """
    chosen = Selection(tuple(options.include), tuple(options.exclude))
    if begun is None or options.recipe is not None:
        recipe = recipe_for(source, options.recipe, selection=chosen)
    else:
        recipe = begun
    own = options.given(*names)
    require_own(medium_of(recipe), options.verb, own)
    patterns = {"data.include": chosen.include, "data.exclude": chosen.exclude}
    settings = as_changes(
        {f"medium.{name}": value for name, value in own.items()}
        | {path: list(value) for path, value in patterns.items() if value}
    )
    changed: AnyRecipe = override(recipe, [*as_changes(options.settings), *settings])
    return changed


def with_length(recipe: AnyRecipe, steps: int | None, minutes: float | None) -> AnyRecipe:
    """The recipe with another length of the run; unchanged if both lengths are None.

    Raises:
        SettingError: A length is not positive, or not finite.
    """
    if steps is None and minutes is None:
        return recipe
    require_length(steps, minutes)
    return override(recipe, as_changes({"budget.steps": steps, "budget.minutes": minutes}))


def require_length(steps: int | None, minutes: float | None) -> None:
    """Check the length of a run.

    Raises:
        SettingError: A length is not positive, or not finite.
    """
    if steps is not None and not 1 <= steps <= _MOST_STEPS:
        why = "it must be 1 or more" if steps < 1 else f"it must be at most {_MOST_STEPS:,}"
        raise SettingError(f"steps cannot be {steps}.", why=why)
    if minutes is not None and not 0 < minutes < math.inf:
        raise SettingError(f"minutes cannot be {minutes:g}.", why="it must be a number above 0")


def as_changes(settings: Settings) -> list[str]:
    """Settings as strings ``path.to.setting=value``, for ``recipes.override``.

    Args:
        settings: A mapping from paths to values, which are JSON or parts such as an
            ``AdamWSpec``; or strings, or one string, which are returned as they are.

    Raises:
        SettingError: A value of a mapping cannot be stored.
    """
    if isinstance(settings, str):
        return [settings]
    if not isinstance(settings, Mapping):
        return list(settings)
    return [f"{path}={_json(path, value)}" for path, value in settings.items()]


def _json(path: str, value: object) -> str:
    def plain(part: object) -> Any:
        if isinstance(part, BaseModel):
            return part.model_dump(mode="json")
        if isinstance(part, Path):
            return str(part)
        if isinstance(part, Iterable):
            return list(part)
        raise TypeError(f"it is a {type(part).__name__}, which JSON does not have")

    try:
        return json.dumps(value, default=plain)
    except (TypeError, ValueError) as error:
        raise SettingError(f"The setting '{path}' cannot be {value!r}.", why=str(error)) from error
