"""``data check`` for whatever the user named: a folder, or a set of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from sfumato import storage
from sfumato.media.check import DataReport
from sfumato.media.check import check as check_folder
from sfumato.media.image import ImageSettings
from sfumato.recipes.wording import setting_error
from sfumato.run.source import folder_of


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
    try:
        settings = ImageSettings(size=size)
    except ValidationError as error:
        raise setting_error(error, {"size": size}) from error
    folder, _ = folder_of(source)
    return check_folder(
        folder, settings, progress=lambda event: report(event.done, event.total, "reading")
    )


def write_sheet(report: DataReport, path: Path) -> None:
    """Write the contact sheet of a report as PNG, over an earlier one if need be."""
    with storage.replacing(path) as draft:
        report.contact_sheet.save(draft, format="PNG")
