"""Files that are either whole or absent.

Everything is written inside a ``.partial-*`` directory beside its destination, forced to the disk
and then renamed, so a reader never meets half a file and a crash leaves at most a ``.partial-*``
directory, which :func:`sweep` removes. Reading has one rule too: a file that cannot be
understood raises :class:`~sfumato.errors.DamagedFile` and nothing in it is ever executed.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sfumato.errors import DamagedFile, DiskFull, RunError

PARTIAL = ".partial-"

_FULL = {errno.ENOSPC, errno.EDQUOT}
_serial = itertools.count()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a directory beside ``path`` and move it there once it is complete.

    Yields:
        The path to write to. If the block raises, the destination is left as it was.

    Raises:
        DiskFull: The device ran out of room; the destination is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    room = _room_beside(path)
    try:
        with _naming_a_full_disk(path):
            room.mkdir()
            draft = room / path.name
            yield draft
            _force_to_disk(draft)
            if draft.is_dir() and path.exists():
                # A directory cannot be renamed over another that has files in it.
                path.rename(room / f"{path.name}.replaced")
            draft.replace(path)
            fsync_directory(path.parent)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Replace ``path`` by ``value`` as JSON; floats are written so that they read back exactly.

    Raises:
        ValueError: ``value`` holds a NaN or an infinity, which JSON cannot express.
    """
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Replace ``path`` by a safetensors file.

    Args:
        path: Destination.
        tensors: Named tensors on any device; names may not share storage.
        metadata: Short strings for the header.
    """
    with replacing(path) as draft:
        save_tensors(draft, tensors, metadata)


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file in place: for use inside :func:`replacing`."""
    # safetensors stores row-major order only; channels-last weights are copied here.
    rows = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(rows, path, metadata=dict(metadata) if metadata else None)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file onto the CPU.

    Raises:
        RunError: There is no such file.
        DamagedFile: It is truncated, corrupted or not a safetensors file at all.
    """
    _require(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise DamagedFile(
            f"{path} is not a readable safetensors file.",
            why=str(error),
            hint="It was cut short or changed after it was written: restore it from a copy.",
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: There is no such file.
        DamagedFile: It is not UTF-8 or not a JSON object.
    """
    _require(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise DamagedFile(f"{path} is not readable JSON.", why=str(error)) from error
    if not isinstance(value, dict):
        raise DamagedFile(f"{path} should hold a JSON object.", why=f"found {type(value).__name__}")
    return value


def remove(directory: Path) -> None:
    """Delete a directory so that a crash on the way leaves no half of it under its name."""
    doomed = _room_beside(directory)
    directory.rename(doomed)
    shutil.rmtree(doomed)


def sweep(directory: Path) -> list[Path]:
    """Remove what a killed writer left in ``directory``; only our own pattern is touched.

    Call this only while holding the directory's lock: another writer's draft looks the same.

    Returns:
        The paths that were removed.
    """
    leftovers = sorted(directory.glob(f"{PARTIAL}*"))
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return leftovers


def fsync_directory(path: Path) -> None:
    """Force a directory's list of names to the disk."""
    with suppress(PermissionError):  # Windows cannot open a directory and needs no such call.
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _room_beside(path: Path) -> Path:
    return path.parent / f"{PARTIAL}{path.name}-{os.getpid()}-{next(_serial)}"


def _force_to_disk(draft: Path) -> None:
    files = [draft] if draft.is_file() else [f for f in draft.rglob("*") if f.is_file()]
    for file in files:
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())
    if draft.is_dir():
        fsync_directory(draft)


def _require(path: Path) -> None:
    if not path.is_file():
        raise RunError(f"There is no file {path}.")


@contextmanager
def _naming_a_full_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not _is_full(error):
            raise
        free = shutil.disk_usage(path.parent).free
        raise DiskFull(
            f"There is no room left to write {path}.",
            why=f"{free / 2**20:.0f} MiB are free on the device",
            hint="Free some space and run the same command again: it resumes.",
        ) from error


def _is_full(error: OSError | SafetensorError) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    # safetensors reports the system's error only as text.
    return any(f"os error {code}" in str(error) for code in _FULL)
