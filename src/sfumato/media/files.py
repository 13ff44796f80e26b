"""Files and folders that appear whole or not at all.

Everything is written beside its final place, flushed to the disk and renamed, so that a reader
never meets half a file and a killed process leaves the old one intact.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sfumato.errors import DiskFull

_STALE_AFTER = 24 * 3600.0
_SYNC_WORKERS = 32


def default_cache() -> Path:
    """Where rebuilt-on-demand files live: ``$SFUMATO_CACHE``, or ``~/.cache/sfumato``."""
    named = os.environ.get("SFUMATO_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "sfumato"


@contextmanager
def disk_full_explained(where: Path) -> Iterator[None]:
    """Turn the system's "no space left" into :class:`DiskFull`; other errors pass through."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"There is no room left to write '{where}'.",
            why=error.strerror or str(error),
            hint="free some space, or set SFUMATO_CACHE to a folder on a larger disk.",
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` atomically, replacing what was there.

    Raises:
        DiskFull: There is not enough room; the old file, if any, is untouched.
    """
    beside = _beside(path)
    with disk_full_explained(path):
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends without an error.

    When another process finished the same folder first, its copy is kept and ours is dropped: the
    content is a pure function of the name.

    Raises:
        DiskFull: There is not enough room; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    beside = _beside(path)
    with disk_full_explained(path):
        beside.mkdir()
        try:
            yield beside
            _sync_folder(beside)
            try:
                beside.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")


def _remove_stale(path: Path) -> None:
    """Drop what builds of the same folder left when they were killed."""
    for left in path.parent.glob(f".{path.name}.*.part"):
        try:
            old = time.time() - left.stat().st_mtime > _STALE_AFTER
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(left, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    # In parallel, because file systems commit waiting requests together: ten times faster for
    # thousands of small files.
    with ThreadPoolExecutor(_SYNC_WORKERS) as pool:
        for _ in pool.map(_sync, (file for file in folder.rglob("*") if file.is_file())):
            pass


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
