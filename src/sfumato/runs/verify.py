"""Check the files of a run against their seals, and report what can still be done with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sfumato import storage
from sfumato.data.digests import changes_since
from sfumato.engine import checkpoint, tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.lock import holder
from sfumato.errors import DamagedFile, NewerFormat, RunError, SfumatoError
from sfumato.runs import spec as specs
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
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
        resumes_from: Step of the checkpoint from which `sfumato resume` would continue; None if
            there is none, or if the spec cannot be read.
        samples: Snapshots that can be sampled, out of ``latest`` and ``best``.
    """

    run: str
    whole: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resumes_from: int | None = None
    samples: list[str] = field(default_factory=list)


def verify(directory: RunDirectory) -> Verified:
    """Read every relevant file of a run and compare it with its seal. Nothing is written.

    A file without a seal, from another program, only has to be readable.

    Raises:
        NewerFormat: A newer version made the run.
    """
    return _Verification(directory).all()


class _Verification:
    """The check of one run.

    Args:
        directory: The run's directory.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._found = Verified(directory.name)

    def all(self) -> Verified:
        """Check all files."""
        spec = self._spec()
        steps = list(self._checkpoints())
        if spec is not None:
            self._found.resumes_from = max(steps, default=None)
        self._weights(spec, rebuilt=max(steps, default=None))
        for path in sorted(self._directory.tuned.glob("*.json")):
            self._read(path, storage.read_sealed_json, "delete it, and run `sfumato tune` again.")
        self._log()
        self._leftovers()
        if spec is not None:
            self._data(spec)
        return self._found

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

    def _checkpoints(self) -> Iterator[int]:
        fix = "`sfumato resume` skips it and continues from the one before, if there is one."
        for step, path in CheckpointStore(self._directory.checkpoints).steps():
            if self._read(path, checkpoint.verify, fix) is not None:
                yield step

    def _weights(self, spec: Spec | None, rebuilt: int | None) -> None:
        fixes = {
            "latest": "restore it from a copy: there is no intact checkpoint to rebuild it from."
            if rebuilt is None
            else f"delete it: sampling rebuilds it from the checkpoint of step {rebuilt}.",
            "best": "delete it: further training writes it again when it measures better.",
        }
        for snapshot, name in _SAMPLED.items():
            path = self._directory.root / name
            if not path.is_file():
                self._absent(snapshot, spec, rebuilt)
                continue
            loaded = self._read(path, _loaded_into(spec), fixes[snapshot])
            if loaded is not None and spec is not None:
                self._found.samples.append(snapshot)
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
        if not log.is_file():
            return
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
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
        root = self._directory.root
        count = sum(1 for _ in root.rglob(f"{PARTIAL}*"))
        if count:
            self._found.notes.append(
                f"A killed session left {count} files {PARTIAL}*: `sfumato resume` removes them."
            )

    def _data(self, spec: Spec) -> None:
        """Name the files of the data that changed. Data sets of the catalogue cannot change."""
        digests = self._directory.digests
        if spec.data.catalogued or not digests.is_file():
            return
        source = Path(spec.data.source)
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

    def _read(self, path: Path, read: Callable[[Path], T], fix: str) -> T | None:
        """The content of a file; None, with a problem noted, if it cannot be used."""
        name = path.relative_to(self._directory.root).as_posix()
        try:
            found = read(path)
        except NewerFormat:
            raise
        except (DamagedFile, RunError, OSError) as error:
            self._found.problems.append(Problem(name, _reason(error, path), fix))
            return None
        self._found.whole.append(name)
        return found


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
    except ValueError:
        return False
    return True
