"""What a JPEG file says of the picture that it was made from, as data of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sfumato.errors import SettingError
from sfumato.imaging import colour
from sfumato.imaging.decode import Wanted, opened
from sfumato.media.image.settings import ImageSettings
from sfumato.restoration import JPEG, Grey, Observation, Sequential
from sfumato.restoration.jpeg_file import observation_of
from sfumato.restoration.operator import Operator

_ORIENTATION, _UPRIGHT = 0x0112, (None, 0, 1)


def jpeg_operator(path: Path, settings: ImageSettings) -> Operator:
    """The operator of a JPEG file for data with the channels of a run.

    Raises:
        SettingError: The file is no JPEG file, or its pixels are not used as they are stored.
        DataError: It cannot be read.
    """
    return jpeg_observation(path, settings).operator


def jpeg_observation(path: Path, settings: ImageSettings) -> Observation:
    """The coefficients of a JPEG file; raises as :func:`jpeg_operator` does."""
    _require_stored_pixels(path, settings)
    found = observation_of(path)
    operator = found.operator
    grey = isinstance(operator, JPEG) and len(operator.tables) == 1
    if settings.channels == "rgba" or (settings.channels == "grey" and not grey):
        raise SettingError(
            f"--dejpeg cannot restore '{path}' with this run.",
            why=f"the file is {'grey' if grey else 'in colour'}, and the run makes "
            f"{settings.channels} images",
            hint="use a run with medium.channels=rgb.",
        )
    if grey and settings.channels == "rgb":
        return replace(found, operator=Sequential.of(Grey(), operator))
    return found


def _require_stored_pixels(path: Path, settings: ImageSettings) -> None:
    """Refuse files whose pixels are rotated or converted when they are read.

    Raises:
        SettingError: It is such a file, or no JPEG file.
    """
    why = ""
    try:
        with opened(path, Wanted(settings.max_pixels)) as file:
            if file.image.format not in ("JPEG", "MPO"):
                why = f"it is a {file.image.format} file"
            elif file.image.getexif().get(_ORIENTATION) not in _UPRIGHT:
                why = "its EXIF data say that it is turned when it is shown"
            else:
                profile = file.colours().profile
                transform = None if profile is None else colour.transform_of(profile)
                if transform is not None and transform.change is not None:
                    why = f"its colours are converted from the profile '{transform.name}'"
    # The picture was read before, so that only its EXIF data can be damaged.
    except Exception as error:
        why = f"{error}"
    if why:
        raise SettingError(
            f"--dejpeg works on JPEG files whose pixels are used as they are stored, not '{path}'.",
            why=why,
            hint="save it once more as JPEG, upright and in sRGB, with quality 95.",
        )
