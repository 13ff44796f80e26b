"""Whether the files of a run are what was written, and what can be done with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sfumato import storage
from sfumato.engine import checkpoint, tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.lock import holder
from sfumato.errors import DamagedFile, NewerFormat, RunError, SfumatoError
from sfumato.media.data.digests import changes_since
from sfumato.runs import spec as specs
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.storage import PARTIAL

T = TypeVar("T")

_SAMPLED = {"latest": "model.safetensors", "best": "best.safetensors"}


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        path: Relative to the run's folder.
        what: Is wrong.
        mend: What to do, and what it costs.
    """

    path: str
    what: str
    mend: str


@dataclass
class Verified:
    """What was found.

    Attributes:
        run: Its name.
        whole: Files and checkpoints that are what was written.
        problems: Those that are not.
        notes: What is harmless and worth knowing.
        resumes_from: Step of the checkpoint that `sfumato resume` would go on from; None if there
            is none, or if the spec cannot be read.
        samples: Snapshots that can be sampled: of ``latest`` and ``best``.
    """

    run: str
    whole: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resumes_from: int | None = None
    samples: list[str] = field(default_factory=list)


def verify(directory: RunDirectory) -> Verified:
    """Read every file of a run that matters, and compare it with its seal. Nothing is written.

    What has no seal, as it is of another program, is read all the same, and taken as it is.

    Raises:
        NewerFormat: A newer version made the run.
    """
    return _Verification(directory).all()


class _Verification:
    """One look at a run.

    Args:
        directory: Of the run.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._found = Verified(directory.name)

    def all(self) -> Verified:
        """Look at everything."""
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
        mend = "restore it from a copy: without it nothing in the run can be used."
        spec = self._read(self._directory.spec, specs.read, mend)
        if spec is None:
            return None
        root, recipe, medium = self._directory.root, spec.recipe, spec.medium
        stored = [
            self._read(root / name, lambda _: medium.of_run(recipe, root), mend)
            for name in medium.stored
        ]
        return None if None in stored else spec

    def _checkpoints(self) -> Iterator[int]:
        mend = "`sfumato resume` passes over it, and goes on from the one before if there is one."
        for step, path in CheckpointStore(self._directory.checkpoints).steps():
            if self._read(path, checkpoint.verify, mend) is not None:
                yield step

    def _weights(self, spec: Spec | None, rebuilt: int | None) -> None:
        mends = {
            "latest": "restore it from a copy: there is no whole checkpoint to rebuild it from."
            if rebuilt is None
            else f"delete it: sampling rebuilds it from the checkpoint of step {rebuilt}.",
            "best": "delete it: training on writes it again when it does better than ever before.",
        }
        for snapshot, name in _SAMPLED.items():
            path = self._directory.root / name
            if not path.is_file():
                self._absent(snapshot, spec, rebuilt)
                continue
            loaded = self._read(path, _loaded_into(spec), mends[snapshot])
            if loaded is not None and spec is not None:
                self._found.samples.append(snapshot)
        for path in sorted(self._directory.early.glob("*.safetensors")):
            mend = "delete it: it is of use to `--guidance auto` alone."
            self._read(path, tensor_file.read_sealed, mend)

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
                f"{log.name}: {torn} of {len(lines)} lines cannot be read; they are passed over."
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
                f"A killed session left {count} of {PARTIAL}*: `sfumato resume` removes them."
            )

    def _data(self, spec: Spec) -> None:
        """Name the files of the data that changed. Sets of the catalogue are pinned."""
        digests = self._directory.digests
        if spec.data.catalogued or not digests.is_file():
            return
        source = Path(spec.data.source)
        try:
            changes = changes_since(digests, spec.medium.entries(source, spec.recipe))
        except (SfumatoError, OSError) as error:
            self._found.notes.append(f"The data are not compared: {_reason(error, source)}.")
            return
        if changes is None:
            mend = "delete it: changed files are noticed all the same, but no longer named."
            self._found.problems.append(Problem(digests.name, "it is not what was written", mend))
        elif changes:
            self._found.notes.append(
                f"The data in '{source}' changed since the run began: {changes}. `sfumato resume` "
                "continues only with the data that the run began with."
            )

    def _read(self, path: Path, read: Callable[[Path], T], mend: str) -> T | None:
        """What is read; None if it is not what was written."""
        name = path.relative_to(self._directory.root).as_posix()
        try:
            found = read(path)
        except NewerFormat:
            raise
        except (DamagedFile, RunError, OSError) as error:
            self._found.problems.append(Problem(name, _reason(error, path), mend))
            return None
        self._found.whole.append(name)
        return found


def _loaded_into(spec: Spec | None) -> Callable[[Path], object]:
    """Reads weights into the run's network, so that they are known to be its own."""
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
