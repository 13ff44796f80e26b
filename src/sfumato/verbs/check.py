"""``data check`` for whatever the user named: a folder, a file, or a set of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from sfumato import storage
from sfumato.media.audio.check import AudioReport
from sfumato.media.audio.check import check as check_sounds
from sfumato.media.audio.data import require
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.data.building import Progress
from sfumato.media.image.check import DataReport
from sfumato.media.image.check import check as check_pictures
from sfumato.media.text.check import TextReport
from sfumato.media.text.check import check as check_texts
from sfumato.media.text.recipe import TextRecipe
from sfumato.training.source import folder_of, recipe_for

_MEGABYTE = 1_000_000


def check(
    source: str,
    report: Callable[[int, int, str], None],
    recipe: str | None = None,
    changes: Iterable[str] = (),
) -> DataReport | AudioReport | TextReport:
    """Read the data as a run would, and report.

    Args:
        source: A folder, a text file, or a name of the catalogue.
        report: Called with ``(done, total, what)``.
        recipe: Name of the run's recipe; the one that suits the data if None.
        changes: Its settings that are replaced, see :func:`~sfumato.recipes.override`.

    Raises:
        SettingError: The recipe or a setting is unknown, or a value does not fit.
        DataError: There is nothing that can be used.
    """
    plan = recipe_for(source, recipe, changes)
    if isinstance(plan, AudioRecipe):
        require()
    folder, _ = folder_of(source)
    if isinstance(plan, TextRecipe):
        return _of_texts(folder, plan, report)

    def progress(event: Progress) -> None:
        report(event.done, event.total, "reading")

    if isinstance(plan, AudioRecipe):
        return check_sounds(folder, plan.medium, progress=progress)
    return check_pictures(folder, plan.medium, progress=progress)


def _of_texts(
    folder: Path, recipe: TextRecipe, report: Callable[[int, int, str], None]
) -> TextReport:
    return check_texts(
        folder,
        recipe.medium,
        recipe.data.held_out,
        labels=recipe.data.labels,
        progress=lambda event: report(
            event.done_bytes // _MEGABYTE, event.total_bytes // _MEGABYTE, "reading MB"
        ),
    )


def write_sheet(report: DataReport | AudioReport, path: Path) -> None:
    """Write the contact sheet of a report as PNG, over an earlier one if need be."""
    with storage.replacing(path) as draft:
        report.contact_sheet.save(draft, format="PNG")
