"""The environment variables that decide how a command runs, checked before it begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sfumato.errors import SettingError

MOST_THREADS = 1024
"""As ``engine.settings`` has it, which imports torch."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def require_environment(variables: Mapping[str, str]) -> None:
    """Check the variables that are read by Sfumato, or by torch on its behalf.

    Raises:
        SettingError: A variable has a value that would be ignored, or would end in a crash.
    """
    for name in _THREADS:
        # A list has a number for each level of parallel regions inside others.
        for number in variables.get(name, "").split(",") if variables.get(name) else ():
            if (
                not re.fullmatch(r"\s*[0-9]{1,9}\s*", number)
                or not 1 <= int(number) <= MOST_THREADS
            ):
                raise SettingError(
                    f"The environment variable {name} cannot be '{variables[name]}'.",
                    why=f"it is a number of threads, from 1 to {MOST_THREADS:,}",
                    hint=f"unset {name}",
                )
    cache = variables.get("SFUMATO_CACHE")
    if cache:
        _require_folder("SFUMATO_CACHE", cache)


def _require_folder(name: str, value: str) -> None:
    try:
        path = Path(value).expanduser()
        # A folder that is missing is created; a file cannot be one, nor can what lies below it.
        nearest = next(place for place in (path, *path.parents) if place.exists())
        is_possible, why = nearest.is_dir(), f"'{nearest}' is no folder"
    except (OSError, RuntimeError, ValueError) as error:
        is_possible, why = False, getattr(error, "strerror", None) or str(error)
    if not is_possible:
        raise SettingError(
            f"The environment variable {name} cannot be '{value}'.",
            why=why,
            hint=f"name a folder, or unset {name}",
        )
