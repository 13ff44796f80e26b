"""Check the files of a run against their seals, and report what can still be done with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sfumato import storage
from sfumato.data.digests import changes_since
from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.lock import holder
from sfumato.errors import DamagedFile, NewerFormat, RunError, SfumatoError
from sfumato.runs import spec as specs
from sfumato.runs import weights
from sfumato.runs.covariance import MEND
from sfumato.runs.directory import RunDirectory, leftovers
from sfumato.runs.place import known_places
from sfumato.runs.spec import Spec
from sfumato.storage import PARTIAL

T = TypeVar("T")

_SAMPLED = {"latest": "model.safetensors", "best": "best.safetensors"}


@dataclass(frozen=True)
class Problem:
    """A file that cannot be used as it is.

    Attributes:
        path: Path relative to the run's folder.
        what: What is wrong with the file.
        mend: What to do, and what it costs.
    """

    path: str
    what: str
    mend: str


@dataclass
class Verified:
    """The result of the check of a run.

    Attributes:
        run: Name of the run.
        whole: Intact files and checkpoints.
        problems: Files and checkpoints that are not intact.
        notes: Harmless observations.
        resumes_from: Step from which `sfumato resume` continues, given the data that the run began
            with: that of a checkpoint, or 0 if none was saved yet; None if it cannot.
        samples: Snapshots that can be sampled, out of ``latest`` and ``best``.
    """

    run: str
    whole: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resumes_from: int | None = None
    samples: list[str] = field(default_factory=list)


def verify(directory: RunDirectory, data: Path | None = None) -> Verified:
    """Read every relevant file of a run and compare it with its seal. Nothing is written.

    A file without a seal, from another program, only has to be readable.

    Args:
        directory: The run's directory.
        data: Where the data of the run are, if they were moved.

    Raises:
        NewerFormat: A newer version made the run.
    """
    return _Verification(directory, data).all()


class _Verification:
    """The check of one run.

    Args:
        directory: The run's directory.
        place: Where the data of the run are; None for the places that the run knows.
    """

    def __init__(self, directory: RunDirectory, place: Path | None) -> None:
        self._directory = directory
        self._place = place
        self._found = Verified(directory.name)

    def all(self) -> Verified:
        """Check all files."""
        obstacles = self._obstacles()
        spec = self._spec()
        step = self._checkpoints(spec)
        if spec is not None and not obstacles:
            self._found.resumes_from = step
        self._weights(spec, rebuilt=step or None)
        if os.path.lexists(self._directory.covariance):
            self._read(self._directory.covariance, tensor_file.read_sealed, MEND)
        for path in sorted(self._directory.tuned.glob("*.json")):
            self._read(path, storage.read_sealed_json, "delete it, and run `sfumato tune` again.")
        self._log()
        self._leftovers()
        if spec is not None:
            self._data(spec)
        return self._found

    def _obstacles(self) -> int:
        """Note what stands in the place of folders, or of files to be written; returns how many."""
        run = self._directory
        before = len(self._found.problems)
        folders = dict.fromkeys(run.folders, storage.require_own_folder)
        files = dict.fromkeys(run.replaced, storage.require_no_folder)
        for path, check in {**folders, **files, run.lock: storage.require}.items():
            if os.path.lexists(path):
                self._read(path, check, "delete it, or put a copy in its place.", is_sealed=False)
        return len(self._found.problems) - before

    def _spec(self) -> Spec | None:
        fix = "restore it from a copy: without it nothing in the run can be used."
        spec = self._read(self._directory.spec, specs.read, fix)
        if spec is None:
            return None
        root, recipe, medium = self._directory.root, spec.recipe, spec.medium
        stored = [
            self._read(root / name, lambda _: medium.of_run(recipe, root), fix)
            for name in medium.stored
        ]
        return None if None in stored else spec

    def _checkpoints(self, spec: Spec | None) -> int | None:
        """Check all checkpoints; returns the step from which the run resumes, None if it cannot."""
        store = CheckpointStore(self._directory.checkpoints)
        if not storage.is_own_folder(store.directory):
            return None if os.path.lexists(store.directory) else 0
        fits = None if spec is None else weights.fits(spec)
        steps = store.steps()
        found: int | None = None
        blocked = False
        for step, path in reversed(steps):
            name = path.relative_to(self._directory.root).as_posix()
            fix = "`sfumato resume` skips it and continues from the one before, if there is one."
            try:
                checkpoint = store.load(path)
                if fits is not None:
                    fits(checkpoint)
            except NewerFormat:
                if found is None:
                    raise
                self._note(name, "a newer version wrote it", "")
            except DamagedFile as error:
                self._note(name, _reason(error, path), fix)
            except RunError as error:
                blocked = blocked or found is None
                fix = "move it away: `sfumato resume` refuses to continue from it."
                self._note(name, _reason(error, path), fix)
            else:
                self._found.whole.append(name)
                if found is None and not blocked:
                    found = step
        self._found.whole.reverse()
        return found if steps else 0

    def _weights(self, spec: Spec | None, rebuilt: int | None) -> None:
        fixes = {
            "latest": "restore it from a copy: there is no intact checkpoint to rebuild it from."
            if rebuilt is None
            else f"delete it: sampling rebuilds it from the checkpoint of step {rebuilt}.",
            "best": "delete it: further training writes it again when it measures better.",
        }
        for snapshot, name in _SAMPLED.items():
            path = self._directory.root / name
            if not os.path.lexists(path):
                self._absent(snapshot, spec, rebuilt)
                continue
            if storage.is_own_folder(path):
                continue  # It is an obstacle already.
            loaded = self._read(path, _loaded_into(spec), fixes[snapshot])
            if loaded is not None and spec is not None:
                self._found.samples.append(snapshot)
        if spec is not None and spec.initial is not None and rebuilt is None:
            fix = "restore it from a copy, or begin the run again: it has no checkpoint yet."
            self._read(self._directory.initial, tensor_file.read_sealed, fix)
        for path in sorted(self._directory.early.glob("*.safetensors")):
            fix = "delete it: only `--guidance auto` uses it."
            self._read(path, tensor_file.read_sealed, fix)

    def _absent(self, snapshot: str, spec: Spec | None, rebuilt: int | None) -> None:
        if snapshot != "latest" or rebuilt is None or spec is None:
            return
        self._found.samples.append(snapshot)
        self._found.notes.append(
            f"{_SAMPLED[snapshot]} is missing: sampling rebuilds it from the checkpoint of step "
            f"{rebuilt}."
        )

    def _log(self) -> None:
        log = self._directory.log
        if not os.path.lexists(log):
            return
        fix = "delete it: it is not needed to resume."
        content = self._read(log, storage.read_own, fix, is_sealed=False)
        if content is None:
            self._found.resumes_from = None
            return
        lines = content.decode("utf-8", "replace").splitlines()
        torn = sum(not _is_json(line) for line in lines)
        if torn:
            self._found.notes.append(
                f"{log.name}: {torn} of {len(lines)} lines cannot be read and are skipped."
            )

    def _leftovers(self) -> None:
        writer = holder(self._directory.root)
        if writer is not None:
            self._found.notes.append(f"The run is being written by {writer}.")
            return
        count = len(leftovers(self._directory))
        if count:
            self._found.notes.append(
                f"A killed session left {count} drafts {PARTIAL}*: `sfumato resume` removes them."
            )

    def _data(self, spec: Spec) -> None:
        """Name the files of the data that changed. Data sets of the catalogue cannot change."""
        digests, place = self._directory.digests, self._place
        if not os.path.lexists(digests) or (spec.data.catalogued and place is None):
            return
        known = known_places(spec.data, self._directory.root) if place is None else [place]
        source = next((path for path in known if path.exists()), known[0])
        try:
            changes = changes_since(
                digests, spec.medium.entries(source, spec.recipe), bool(spec.classes)
            )
        except (SfumatoError, OSError) as error:
            self._found.notes.append(f"The data could not be compared: {_reason(error, source)}.")
            return
        if changes is None:
            fix = "delete it: changed files are still noticed, but no longer named."
            self._found.problems.append(Problem(digests.name, "it is not what was written", fix))
        elif changes:
            self._found.notes.append(
                f"The data in '{source}' changed since the run began: {changes}. `sfumato resume` "
                "continues only with the data that the run began with."
            )

    def _read(
        self, path: Path, read: Callable[[Path], T], fix: str, is_sealed: bool = True
    ) -> T | None:
        """The content of a file; None, with a problem noted, if it cannot be used.

        Args:
            path: The file.
            read: Reads it.
            fix: What to do if it cannot be read.
            is_sealed: Whether it then counts as intact.
        """
        name = path.relative_to(self._directory.root).as_posix()
        try:
            found = read(path)
        except NewerFormat:
            raise
        except (DamagedFile, RunError, OSError) as error:
            self._note(name, _reason(error, path), fix)
            return None
        if is_sealed:
            self._found.whole.append(name)
        return found

    def _note(self, name: str, what: str, fix: str) -> None:
        self._found.problems.append(Problem(name, what, fix))


def _loaded_into(spec: Spec | None) -> Callable[[Path], object]:
    """A reader of weights that also checks that they fit the run's network."""
    if spec is None:
        return tensor_file.read_sealed
    return lambda path: weights.load_file(path, weights.build(spec), hint="")


def _reason(error: SfumatoError | OSError, path: Path) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    what = error.what.removeprefix(f"{path} ").removeprefix(f"{path}/").rstrip(".")
    return f"{what}: {error.why}" if error.why else what


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
