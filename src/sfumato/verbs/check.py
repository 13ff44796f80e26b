"""``sfumato data check``: report on a folder, a file, or a data set of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sfumato.media.folder import save_png
from sfumato.media.registry import medium_of
from sfumato.media.report import Report
from sfumato.model.options import CheckOptions
from sfumato.training.plan import changed_for
from sfumato.training.source import located


def check(
    source: str, options: CheckOptions, progress: Callable[[int, int, str], None] | None = None
) -> Report:
    """Read data as a run would, and report on them.

    Args:
        source: A folder, a text file, or a name of the catalogue.
        options: The recipe, and its settings to change.
        progress: Called with ``(done, total, what)``.

    Raises:
        SettingError: The recipe or a setting is unknown, a value does not fit, or an option is of
            another medium.
        DataError: No usable data were found.
    """
    recipe = changed_for(source, options, "size", "label_field")
    medium = medium_of(recipe)
    medium.require()
    return medium.check(located(source).path, recipe, progress or (lambda done, total, what: None))


def write_sheet(report: Report, path: Path) -> Path | None:
    """Write the contact sheet of a report, if it has one, as PNG over an earlier one."""
    sheet = getattr(report, "contact_sheet", None)
    if sheet is None:
        return None
    save_png(sheet, path)
    return path
