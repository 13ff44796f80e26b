"""Atomic writes: files and folders are either complete or absent.

Everything is written inside a ``.partial-*`` directory beside its destination, flushed to the disk
and then renamed. A reader never sees half a file, and a crash leaves at most a ``.partial-*``
directory, which :func:`sweep` removes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sfumato.errors import DamagedFile, DiskFull, RunError

PARTIAL = ".partial-"

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DAY = 24 * 3600.0
_SYNC_WORKERS = 32
_SEAL = "sha256"
_serial = itertools.count()


def default_cache() -> Path:
    """The folder of files that can be rebuilt: ``$SFUMATO_CACHE``, or ``~/.cache/sfumato``."""
    named = os.environ.get("SFUMATO_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "sfumato"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a directory beside ``path`` and move it there once it is complete.

    Yields:
        The path to write to. If the block raises, the destination is left as it was.

    Raises:
        DiskFull: The device is full; the destination is unchanged.
    """
    with _draft(path) as draft:
        yield draft
        _flush(draft)
        if draft.is_dir() and path.exists():
            # A directory cannot be renamed over another that has files in it.
            path.rename(draft.parent / f"{path.name}.replaced")
        draft.replace(path)
        fsync_directory(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends without an error.

    If another process completed the same folder first, its copy stays and ours is deleted; use this
    for content that is a pure function of the name. Drafts that killed processes left more than a
    day ago are removed.

    Raises:
        DiskFull: There is not enough room; nothing is left behind.
    """
    sweep(path.parent, older_than=_DAY)
    with _draft(path) as draft:
        draft.mkdir()
        yield draft
        _flush(draft)
        try:
            draft.rename(path)
        except OSError:
            if not path.is_dir():
                raise


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``."""
    with replacing(path) as draft:
        draft.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Replace ``path`` by ``value`` as JSON; floats are read back exactly.

    Raises:
        ValueError: ``value`` holds a NaN or an infinity, which JSON cannot express.
    """
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_sealed_json(path: Path, value: Mapping[str, object]) -> None:
    """Replace ``path`` by ``value`` as sealed JSON: see :func:`read_sealed_json`."""
    write_json(path, sealed(value))


def sealed(value: Mapping[str, object]) -> dict[str, object]:
    """A JSON object with a SHA-256 of its content as last entry: see :func:`read_sealed_json`."""
    return {**value, _SEAL: _seal(value)}


def read_sealed_json(path: Path) -> dict[str, Any]:
    """Read a JSON object and verify its seal; one without a seal is accepted.

    Raises:
        RunError: There is no such file.
        DamagedFile: The file is not a JSON object, or was changed after it was written.
    """
    value = read_json(path)
    if _SEAL in value and value.pop(_SEAL) != _seal(value):
        raise DamagedFile(
            f"{path} is not what was written.",
            why=f"its content differs from the SHA-256 in its entry '{_SEAL}'",
            hint="The disk or another program changed it: restore it from a copy. If you changed "
            f"it on purpose, remove the entry '{_SEAL}'.",
        )
    return value


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: There is no such file.
        DamagedFile: The file is not UTF-8 or not a JSON object.
    """
    require(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise DamagedFile(f"{path} is not readable JSON.", why=str(error)) from error
    if not isinstance(value, dict):
        raise DamagedFile(
            f"{path} should hold a JSON object.",
            why=f"it holds a value of type {type(value).__name__}",
        )
    return value


def _seal(value: Mapping[str, object]) -> str:
    content = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()


def require(path: Path) -> None:
    """Raise :class:`RunError` unless ``path`` is a file."""
    if not path.is_file():
        raise RunError(f"There is no file {path}.")


def remove(directory: Path) -> None:
    """Delete a directory; a crash never leaves half of it under its name."""
    doomed = _draft_folder(directory)
    directory.rename(doomed)
    shutil.rmtree(doomed)


def sweep(directory: Path, older_than: float = 0.0) -> list[Path]:
    """Remove the drafts ``.partial-*`` of killed processes from ``directory``.

    Drafts that a living process of this machine has locked stay. Network file systems may not
    support locks, so hold the directory's lock, or set an age that no draft reaches.

    Args:
        directory: The directory, which may be missing.
        older_than: The age in seconds below which a draft stays.

    Returns:
        The paths that were removed.
    """
    swept = []
    for path in sorted(directory.glob(f"{PARTIAL}*")):
        with suppress(FileNotFoundError):  # Another process swept it first.
            # Everything is old after the clock was set forward, hence the check of the lock.
            young = time.time() - path.lstat().st_mtime < older_than
            if older_than and (young or is_held(path)):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            swept.append(path)
    return swept


def is_held(path: Path) -> bool:
    """Whether a living process has locked a file or folder; a lock ends with its process.

    False for a missing path, and on a file system without locks.
    """
    try:
        # Over a network, only files that are open for writing can be locked.
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
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


def fsync_directory(path: Path) -> None:
    """Flush a directory's list of names to the disk."""
    with suppress(PermissionError):  # Windows cannot open a directory and needs no such call.
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


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
    folder = _draft_folder(path)
    try:
        with disk_full_explained(path):
            folder.mkdir()
            with _locked(folder):
                yield folder / path.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a draft folder while it is being written, see :func:`sweep`."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # File systems over a network may not lock folders.
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _draft_folder(path: Path) -> Path:
    return path.parent / f"{PARTIAL}{path.name}-{os.getpid()}-{next(_serial)}"


def _flush(draft: Path) -> None:
    if draft.is_file():
        _sync(draft)
        return
    # In parallel, because file systems commit pending requests together, which is ten times faster
    # for thousands of small files.
    with ThreadPoolExecutor(_SYNC_WORKERS) as pool:
        for _ in pool.map(_sync, (file for file in draft.rglob("*") if file.is_file())):
            pass
    fsync_directory(draft)


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _has_number(error: OSError | SafetensorError, number: int) -> bool:
    """Whether an error is the system's error of a number."""
    if isinstance(error, OSError):
        return error.errno == number
    # safetensors reports the system's error only as text.
    return f"os error {number})" in str(error)
