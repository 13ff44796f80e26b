"""Variations: samples that start from a file instead of from noise alone.

A sample may be published, so it stores the path of that file as seen from the working folder, or
its name alone if it lies elsewhere. The file is recognised by its digest.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field

from sfumato.errors import DataError, SettingError
from sfumato.media.facts import last_part
from sfumato.process.schedule import Linear, Schedule
from sfumato.regular import irregular, require_regular


class Start(BaseModel):
    """The file that a variation starts from.

    Attributes:
        path: Path of the file. In a stored sample it is relative to the folder in which the sample
            was made, or a name.
        sha256: Digest of its bytes.
        strength: Share of noise mixed into it, in (0, 1]: ``sigma / (alpha + sigma)``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    path: str
    sha256: str
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
    place = str(path.absolute())
    try:
        place.encode()  # It is stored with the samples.
    except UnicodeEncodeError as error:
        raise DataError(
            f"The name of the file {place!r} is not valid UTF-8.", hint="rename it."
        ) from error
    return Start(path=place, sha256=_sha256(path), strength=strength)


def shareable(path: str) -> str:
    """The path of a start as a sample stores it: it tells nothing of the machine of its maker."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return last_part(path) if Path(path).is_absolute() else path


def found(start: Start, sample: Path) -> Start:
    """The start of a stored sample with the present path of its file.

    It is looked for in the working folder, and in the folder of the sample and those above it; only
    a file of the same content is taken.

    Args:
        start: The start as it is stored.
        sample: The file of the sample.
    """
    name = last_part(start.path)
    folders = [Path(), *sample.absolute().parents]
    places = [folder / part for folder in folders for part in dict.fromkeys((start.path, name))]
    for place in places:
        if irregular(place) is None and _sha256(place) == start.sha256:
            return start.model_copy(update={"path": str(place.absolute())})
    return start


def unchanged(start: Start) -> Path:
    """The path of the file of a start, after a check that it has not changed.

    Raises:
        DataError: The file is missing or has changed.
    """
    path = Path(start.path)
    if _sha256(path) != start.sha256:
        raise DataError(
            f"'{path}' is not the file that the variation started from.",
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


def _sha256(path: Path) -> str:
    require_regular(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read.", why=error.strerror or str(error)) from error
