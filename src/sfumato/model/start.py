"""Variations: samples that start from a file instead of from noise alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field

from sfumato.errors import DataError, SettingError
from sfumato.process.schedule import Linear, Schedule
from sfumato.regular import require_regular


class Start(BaseModel):
    """The file that a variation starts from.

    Attributes:
        path: Path of the file.
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
