"""``data check`` for whatever the user named: a folder, or a set of the catalogue."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from sfumato.errors import SettingError
from sfumato.media.check import DataReport
from sfumato.media.check import check as check_folder
from sfumato.media.image import ImageSettings
from sfumato.run.data import folder_of


def check(source: str, size: int, report: Callable[[int, int, str], None]) -> DataReport:
    """Read the data as a run would, and report.

    Args:
        source: A folder, or a name of the catalogue.
        size: Side of the pictures as a run would see them.
        report: Called with ``(done, total, what)``.

    Raises:
        SettingError: The size is out of range.
        DataError: There is nothing that can be used.
    """
    folder, _ = folder_of(source)
    try:
        settings = ImageSettings(size=size)
    except ValidationError as error:
        raise SettingError(f"size cannot be {size}.", why=error.errors()[0]["msg"]) from error
    return check_folder(
        folder, settings, progress=lambda event: report(event.done, event.total, "reading")
    )
