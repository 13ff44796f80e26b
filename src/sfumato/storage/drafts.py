"""Atomic writes: files and folders are either complete or absent.

Everything is written inside a ``.partial-*`` folder beside its destination, flushed to the disk and
then renamed. A reader never sees half a file, and a crash leaves at most a ``.partial-*`` folder,
which :func:`sweep` removes.

A draft belongs to whoever holds its lock (``flock``), which ends with its process. Its name is
random, since the id of a process is the same in every container.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from sfumato.errors import DiskFull
from sfumato.storage.own import is_own_folder

PARTIAL = ".partial-"

# Earlier versions named drafts by the id of the process and a serial number.
_NAME = re.compile(rf"{re.escape(PARTIAL)}.*-([0-9a-f]{{16}}|\d+-\d+)", re.DOTALL)

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DAY = 24 * 3600.0
_SYNC_WORKERS = 32
# Names in most file systems have at most 255 bytes, and a character at most 4.
_LONGEST = 48
_TRIES = 100
_ACCESS = 0o666


def default_cache() -> Path:
    """The folder of files that can be rebuilt: ``$SFUMATO_CACHE``, or ``~/.cache/sfumato``."""
    named = os.environ.get("SFUMATO_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "sfumato"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a folder beside ``path`` and move it there once it is complete.

    A link of that name is replaced, and what it leads to is not touched. A file has the permissions
    of the file that it replaces; a new one has those that the umask leaves.

    Yields:
        The path to write to. If the block raises, the destination is left as it was.

    Raises:
        DiskFull: The device is full; the destination is unchanged.
        IsADirectoryError: A file was written, and a folder has its name.
    """
    with _draft(path) as draft:
        yield draft
        _grant_access(draft, path)
        _flush(draft)
        if draft.is_dir() and os.path.lexists(path):
            # A folder cannot be renamed over a file, or over a folder that has files in it.
            path.rename(draft.parent / "replaced")
        elif is_own_folder(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        draft.replace(path)
        fsync_directory(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends without an error.

    If another process completed the same folder first, its copy stays and ours is deleted; use this
    for content that is a pure function of the name. Drafts that killed processes left are removed.

    Raises:
        DiskFull: There is not enough room; nothing is left behind.
    """
    sweep(path.parent)
    with _draft(path) as draft:
        draft.mkdir()
        yield draft
        _grant_access(draft, path)
        _flush(draft)
        try:
            draft.rename(path)
        except OSError:
            if not path.is_dir():
                raise
        fsync_directory(path.parent)


def remove(path: Path) -> None:
    """Delete a folder or a file; a crash never leaves half of it under its name.

    A link is deleted, and what it leads to is not touched.

    Raises:
        FileNotFoundError: There is nothing of that name.
    """
    with _draft_folder(path) as folder:
        path.rename(folder / path.name)


def drafts_in(directory: Path) -> list[Path]:
    """The drafts in a folder, which may be missing; other folders inside are not searched."""
    names = (path for path in directory.glob(f"{PARTIAL}*") if _NAME.fullmatch(path.name))
    return sorted(path for path in names if is_own_folder(path))


def sweep(directory: Path) -> list[Path]:
    """Remove the drafts of killed processes from a folder.

    A draft that a living process has locked stays, also one in another container. Where drafts
    cannot be locked, as on some network file systems, those of the last day stay.

    Args:
        directory: The folder, which may be missing.

    Returns:
        The paths that were removed.
    """
    return [path for path in drafts_in(directory) if _sweep(path)]


def _sweep(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # Another process swept it first, or it is not ours to delete.
        return False
    try:
        # The lock is held during the deletion: a process that made the draft and did not lock it
        # yet waits for it, and then makes another.
        if not _is_abandoned(handle) or not _is_at(path, handle):
            return False
        shutil.rmtree(path, ignore_errors=True)
        return not os.path.lexists(path)
    finally:
        os.close(handle)


def _is_abandoned(handle: int) -> bool:
    """Lock an open draft; False if another process holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # Nothing can be locked here.
        return time.time() - os.fstat(handle).st_mtime > _DAY
    return True


def is_held(path: Path) -> bool:
    """Whether a living process has locked a file or folder; a lock ends with its process.

    False for a missing path, a link or a pipe, and on a file system without locks.
    """
    handle = _opened_to_lock(path)
    if handle is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _opened_to_lock(path: Path) -> int | None:
    # Over a network, only files that are open for writing can be locked; a reader of a shared run
    # may not open them so.
    for flags in (os.O_RDWR, os.O_RDONLY):
        with suppress(OSError):
            return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return None


def fsync_directory(path: Path) -> None:
    """Flush a directory's list of names to the disk."""
    with suppress(PermissionError):  # Windows cannot open a directory and needs no such call.
        _sync(path)


@contextmanager
def disk_full_explained(path: Path) -> Iterator[None]:
    """Turn the system's "no space left" into :class:`DiskFull`; other errors pass through."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if _has_number(error, errno.EFBIG):
            raise DiskFull(
                f"{path} would be larger than this process is allowed to write.",
                why=os.strerror(errno.EFBIG).lower(),
                hint="raise the limit (ulimit -f unlimited) and run the same command again.",
            ) from error
        if not any(_has_number(error, number) for number in _FULL):
            raise
        free = shutil.disk_usage(path.parent).free
        raise DiskFull(
            f"There is no room left to write {path}.",
            why=f"{free / 2**20:.0f} MiB are free on the device",
            hint="free some space there and run the same command again.",
        ) from error


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A path of the same name in a draft folder beside ``path``, deleted when the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_full_explained(path), _named_by_destination(path), _draft_folder(path) as folder:
        yield folder / path.name


@contextmanager
def _named_by_destination(path: Path) -> Iterator[None]:
    """Name the destination in an error of the system that names a draft, which is gone by then."""
    try:
        yield
    except OSError as error:
        if PARTIAL in str(error.filename):
            error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def _draft_folder(path: Path) -> Iterator[Path]:
    """A new locked folder beside ``path``, deleted when the block ends; see :func:`sweep`."""
    for _ in range(_TRIES):
        folder = path.parent / f"{PARTIAL}{path.name[:_LONGEST]}-{secrets.token_hex(8)}"
        folder.mkdir()
        handle = _locked(folder)
        if handle is not None:
            break
    else:
        raise OSError(errno.EAGAIN, "another process deletes every draft", str(path.parent))
    try:
        yield folder
    finally:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def _locked(folder: Path) -> int | None:
    """Lock a draft folder; None if another process swept it before."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        with suppress(OSError):  # File systems over a network may not lock folders.
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_at(folder, handle):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _grant_access(draft: Path, path: Path) -> None:
    """Give a draft the permissions that the umask leaves, or those of the file that it replaces.

    Some libraries write files that only their owner can read.
    """
    # The draft folder was made by mkdir, which applies the umask and the defaults of the folder.
    access = draft.parent.stat().st_mode & _ACCESS
    if not draft.is_dir():
        with suppress(OSError):
            earlier = path.lstat().st_mode
            if stat.S_ISREG(earlier):
                access = stat.S_IMODE(earlier)
    for file in _files_in(draft):
        if stat.S_IMODE(file.stat().st_mode) != access:
            with suppress(PermissionError):  # Some file systems have no permissions.
                file.chmod(access)


def _flush(draft: Path) -> None:
    # In parallel, because file systems commit pending requests together, which is ten times faster
    # for thousands of small files.
    with ThreadPoolExecutor(_SYNC_WORKERS) as pool:
        for _ in pool.map(_sync, _files_in(draft)):
            pass
    for folder, _, _ in os.walk(draft):
        fsync_directory(Path(folder))


def _files_in(draft: Path) -> Iterator[Path]:
    if not draft.is_dir():
        yield draft
    for place, _, names in os.walk(draft):
        yield from (Path(place, name) for name in names)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _has_number(error: OSError | SafetensorError, number: int) -> bool:
    """Whether an error is the system's error of a number."""
    if isinstance(error, OSError):
        return error.errno == number
    # safetensors reports the system's error only as text.
    return f"os error {number})" in str(error)
