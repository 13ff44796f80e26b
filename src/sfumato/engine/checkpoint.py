"""Checkpoints: complete training states on the disk, which survive a crash at any moment.

A checkpoint is a directory ``step-0000123`` of safetensors files and one ``state.json``, with a
``manifest.json`` that lists the size and SHA-256 of each file. It is written beside its
destination, flushed to the disk and renamed. Then the text file ``latest`` is updated, and only
after that older checkpoints are removed.

Loading takes the highest step that matches its manifest; ``latest`` is only a convenience for
people and scripts.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sfumato import storage
from sfumato.engine import tensor_file
from sfumato.engine.events import Warned
from sfumato.engine.machine import disk_free
from sfumato.errors import DamagedFile, DiskFull, NewerFormat, RunError

FORMAT = 1
MANIFEST = "manifest.json"
STATE = "state.json"
LATEST = "latest"

_NAME = re.compile(r"step-(\d{7,})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training state.

    Attributes:
        step: Number of completed optimiser steps.
        tensors: Named tensors by group (``weights``, ``ema``, ``optimizer``); one file each.
        scalars: Everything else, as JSON.
        path: The directory that it was read from.
    """

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    scalars: Mapping[str, Any]
    path: Path


class CheckpointStore:
    """The checkpoints of one run. Writing requires the run's lock to be held.

    Args:
        directory: Usually ``runs/NAME/checkpoints``; created on the first save.
        keep: Number of newest checkpoints to keep.
        milestone_steps: Checkpoints at multiples of this step are never removed.
    """

    def __init__(self, directory: Path, keep: int = 2, milestone_steps: int | None = None) -> None:
        self.directory = directory
        self.keep = keep
        self.milestone_steps = milestone_steps

    def save(
        self,
        step: int,
        tensors: Mapping[str, Mapping[str, Tensor]],
        scalars: Mapping[str, object],
    ) -> Path:
        """Write a checkpoint, update ``latest``, and remove old checkpoints.

        Raises:
            DiskFull: There is not enough room; every older checkpoint is intact.
            DamagedFile: The folder of the checkpoints is a link.
        """
        storage.require_own_folder(self.directory)
        self.require_room(_size(tensors))
        path = self.directory / f"step-{step:07d}"
        with storage.replacing(path) as draft:
            draft.mkdir()
            for group, named in tensors.items():
                tensor_file.save_tensors(draft / f"{group}.safetensors", named)
            _dump(draft / STATE, {"step": step, **scalars})
            files = {file.name: _seal(file) for file in sorted(draft.iterdir())}
            _dump(draft / MANIFEST, storage.sealed({"format": FORMAT, "files": files}))
        storage.write_text(self.directory / LATEST, f"{path.name}\n")
        self._prune(step)
        return path

    def load(self, path: Path) -> Checkpoint:
        """Read one checkpoint, verifying every file against the manifest first.

        Raises:
            DamagedFile: A file is missing, altered, a link or unreadable; the message names it.
            RunError: There is no such checkpoint, or a newer version wrote it.
        """
        try:
            groups = [file for file in verify(path) if file.suffix == ".safetensors"]
            state = storage.read_json(path / STATE)
            tensors = {file.stem: tensor_file.read_tensors(file) for file in groups}
        except OSError as error:
            raise DamagedFile(
                f"{path} cannot be read.", why=error.strerror or str(error)
            ) from error
        step, named = state.pop("step", None), _NAME.fullmatch(path.name)
        if type(step) is not int or named is None or step != int(named[1]):
            raise DamagedFile(
                f"{path / STATE} is not the state of this checkpoint.",
                why=f"its entry 'step' is {json.dumps(step)[:80]}",
            )
        return Checkpoint(step=step, tensors=tensors, scalars=state, path=path)

    def load_latest(
        self, check: Callable[[Checkpoint], object] | None = None
    ) -> tuple[Checkpoint | None, list[Warned]]:
        """Read the newest intact checkpoint.

        Args:
            check: Raises ``DamagedFile`` for a checkpoint that cannot be used, which is then
                skipped like a damaged one.

        Returns:
            The checkpoint, or None if there are none, and a warning for each newer one that was
            skipped, with the name of the damaged file.

        Raises:
            DamagedFile: All checkpoints are damaged, or their folder is a link.
            RunError: The newest was written by a newer version.
        """
        warnings: list[Warned] = []
        problem: DamagedFile | None = None
        for step, path in reversed(self.steps()):
            try:
                checkpoint = self.load(path)
                if check is not None:
                    check(checkpoint)
            except DamagedFile as error:
                problem = problem or error
                # The log stores the message, so the place of the run is left out.
                what = f"{error.what} {error.why}".replace(f"{self.directory}{os.sep}", "")
                message = f"The checkpoint {path.name} was skipped. {what}"
                warnings.append(Warned(step=step, message=message.rstrip()))
            else:
                return checkpoint, warnings
        if problem is not None:
            raise problem
        return None, warnings

    def steps(self) -> list[tuple[int, Path]]:
        """The checkpoints on the disk, oldest first, intact or damaged.

        Raises:
            DamagedFile: The folder of the checkpoints is a link.
        """
        storage.require_own_folder(self.directory)
        if not self.directory.is_dir():
            return []
        named = ((_NAME.fullmatch(path.name), path) for path in self.directory.iterdir())
        return sorted((int(match[1]), path) for match, path in named if match)

    def sweep(self) -> list[Path]:
        """Remove the drafts of a killed process. Call it with the run's lock held."""
        return storage.sweep(self.directory)

    def require_room(self, size: int, count: int = 1) -> None:
        """Check that ``count`` checkpoints of ``size`` bytes fit on the device.

        Raises:
            DiskFull: They do not fit; the message states what is needed and what is free.
        """
        free = disk_free(self.directory)
        if free < size * count:
            raise DiskFull(
                f"There is no room for a checkpoint in {self.directory}.",
                why=f"{_mebibytes(size * count)} are needed and {_mebibytes(free)} are free",
                hint="Free some space and run the same command again: it resumes.",
            )

    def _prune(self, newest: int) -> None:
        # A step above the one just written is from before the run went back to an older checkpoint;
        # it is removed, as it would be loaded as the newest.
        past = [step for step, _ in self.steps() if step <= newest]
        wanted = {*past[-self.keep :], *filter(self.is_milestone, past)}
        for step, path in self.steps():
            if step not in wanted:
                storage.remove(path)

    def is_milestone(self, step: int) -> bool:
        """Whether a checkpoint of this step is never removed."""
        return self.milestone_steps is not None and step % self.milestone_steps == 0


def verify(path: Path) -> list[Path]:
    """Compare a checkpoint with its manifest.

    Returns:
        The files of the checkpoint.

    Raises:
        DamagedFile: A file is missing, is a link or differs; the message names it.
        RunError: There is no such checkpoint, or a newer version wrote it.
    """
    if not os.path.lexists(path):
        raise RunError(f"There is no checkpoint {path}.")
    storage.require_own_folder(path)
    manifest = _read_manifest(path / MANIFEST)
    files = []
    for name, seal in manifest.items():
        file = path / name
        if Path(name).name != name or not os.path.lexists(file):
            raise DamagedFile(f"{file} is missing.", why=f"{MANIFEST} lists it")
        if _seal(file) != seal:
            raise DamagedFile(
                f"{file} is not what was written.",
                why=f"its size or SHA-256 differs from {MANIFEST}",
                hint="The disk or another program changed it: restore it from a copy.",
            )
        files.append(file)
    return files


def _read_manifest(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        raise DamagedFile(f"{path} is missing.")
    manifest = storage.read_sealed_json(path)
    version, files = manifest.get("format"), manifest.get("files")
    if isinstance(version, int) and version > FORMAT:
        raise NewerFormat(
            f"{path.parent} was written by a newer version of Sfumato.", version, FORMAT
        )
    if version != FORMAT or not isinstance(files, dict) or STATE not in files:
        raise DamagedFile(f"{path} is not a manifest of a checkpoint.")
    return files


def _seal(file: Path) -> dict[str, object]:
    with storage.own_stream(file) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"bytes": stream.tell(), "sha256": digest}


def _dump(path: Path, value: Mapping[str, object]) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")


def _size(tensors: Mapping[str, Mapping[str, Tensor]]) -> int:
    return sum(tensor.nbytes for named in tensors.values() for tensor in named.values())


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
