"""Variations: samples that start from a file instead of from noise alone.

A sample may be published, so it stores the path of that file as seen from the working folder, or
its name alone if it lies elsewhere. The file is recognised by its digest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from pydantic import Field

from sfumato.conditioning.file import KnownFile, digest_of_file, stored_path
from sfumato.errors import DataError, SettingError
from sfumato.media.facts import last_part
from sfumato.process.schedule import Linear, Schedule
from sfumato.regular import irregular

FileT = TypeVar("FileT", bound=KnownFile)


class Start(KnownFile):
    """The file that a variation starts from.

    Attributes:
        strength: Share of noise mixed into it, in (0, 1]: ``sigma / (alpha + sigma)``.
    """

    strength: float = Field(gt=0, le=1)


def start_from(path: Path, strength: float) -> Start:
    """Describe the present state of a file to start from.

    Args:
        path: The file.
        strength: Share of noise mixed into it, above 0 and up to 1.

    Raises:
        SettingError: The strength is out of range.
        DataError: The file cannot be read.
    """
    if not 0 < strength <= 1:
        raise SettingError(
            f"strength cannot be {strength}.",
            why="it must be above 0 (the file itself) and at most 1 (nothing of it is left)",
        )
    return Start(path=stored_path(path), sha256=digest_of_file(path), strength=strength)


def shareable(path: str) -> str:
    """The path of a file as a sample stores it: it tells nothing of the machine of its maker."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return last_part(path) if Path(path).is_absolute() else path


def found(start: FileT, sample: Path) -> FileT:
    """A file that a stored sample was made from, with its present path.

    It is looked for in the working folder, and in the folder of the sample and those above it; only
    a file of the same content is taken.

    Args:
        start: The file as it is stored.
        sample: The file of the sample.
    """
    name = last_part(start.path)
    folders = [Path(), *sample.absolute().parents]
    places = [folder / part for folder in folders for part in dict.fromkeys((start.path, name))]
    for place in places:
        if irregular(place) is None and digest_of_file(place) == start.sha256:
            return start.model_copy(update={"path": str(place.absolute())})
    return start


def unchanged(start: KnownFile) -> Path:
    """The path of a file that a sample is made from, after a check that it has not changed.

    Raises:
        DataError: The file is missing or has changed.
    """
    path = Path(start.path)
    if digest_of_file(path) != start.sha256:
        what = "variation started" if isinstance(start, Start) else "sample was made"
        raise DataError(
            f"'{path}' is not the file that the {what} from.",
            why="its content changed",
            hint="put the file back to make the same sample again.",
        )
    return path


def time_of(strength: float, schedule: Schedule) -> float:
    """The time at which ``sigma / (alpha + sigma)`` is ``strength``, whatever the schedule."""
    if strength == 1:
        return 1.0
    share = torch.tensor(strength, dtype=torch.float64)
    return float(schedule.time(Linear().log_snr(share)))
