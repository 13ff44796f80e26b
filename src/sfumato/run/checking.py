"""``data check`` for whatever the user named: a folder, a file, or a set of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sfumato import storage
from sfumato.media.catalogue import CATALOGUE
from sfumato.media.check import DataReport
from sfumato.media.check import check as check_pictures
from sfumato.media.image import ImageSettings
from sfumato.media.text.check import TextReport
from sfumato.media.text.check import check as check_texts
from sfumato.media.text.settings import TextSettings
from sfumato.recipes import TextRecipe, find
from sfumato.recipes.wording import setting_error
from sfumato.run.source import folder_of, suited

_MEGABYTE = 1_000_000


def check(
    source: str,
    size: int,
    report: Callable[[int, int, str], None],
    label_field: str | None = None,
) -> DataReport | TextReport:
    """Read the data as a run would, and report.

    Args:
        source: A folder, a text file, or a name of the catalogue.
        size: Side of pictures as a run would see them; texts have none.
        report: Called with ``(done, total, what)``.
        label_field: The field of text records that holds the class.

    Raises:
        SettingError: A setting is out of range.
        DataError: There is nothing that can be used.
    """
    recipe = find(suited(source))
    if isinstance(recipe, TextRecipe):
        return _of_texts(source, recipe.medium, label_field, report)
    try:
        settings = ImageSettings(size=size)
    except ValidationError as error:
        raise setting_error(error, {"size": size}) from error
    folder, _ = folder_of(source)
    return check_pictures(
        folder, settings, progress=lambda event: report(event.done, event.total, "reading")
    )


def _of_texts(
    source: str,
    settings: TextSettings,
    label_field: str | None,
    report: Callable[[int, int, str], None],
) -> TextReport:
    folder, catalogued = folder_of(source)
    asked: dict[str, Any] = dict(CATALOGUE[source].settings) if catalogued else {}
    if label_field is not None:
        asked["label_field"] = label_field
    return check_texts(
        folder,
        settings.model_copy(update=asked),
        progress=lambda event: report(
            event.done_bytes // _MEGABYTE, event.total_bytes // _MEGABYTE, "reading MB"
        ),
    )


def write_sheet(report: DataReport, path: Path) -> None:
    """Write the contact sheet of a report as PNG, over an earlier one if need be."""
    with storage.replacing(path) as draft:
        report.contact_sheet.save(draft, format="PNG")
