"""The weights of a run: its denoiser, and the snapshots of its averaged weights.

The best weights are those with the smallest measure on held-out data.

Early weights are stored for autoguidance. They are stored at every step that is a power of two, so
a resumed run stores the same ones as an uninterrupted run. Those of the first sixteenth of the
steps are deleted, where the steps are counted up to the best weights if these are older than the
newest. About five remain, and one of them is within a factor of 1.5 of an eighth of the training,
near to what autoguidance needs (Karras et al. 2024, arXiv:2406.02507, table 1).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import Checkpoint, CheckpointStore
from sfumato.engine.events import Kept, Metric
from sfumato.engine.saved import require_identity
from sfumato.engine.state import check_fits
from sfumato.errors import DamagedFile, RunError, SettingError, suggest
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec

LATEST, BEST = SNAPSHOTS = ("latest", "best")
DenoiserT = TypeVar("DenoiserT", bound=NetworkDenoiser | TokenDenoiser)


def build(spec: Spec) -> NetworkDenoiser | TokenDenoiser:
    """A denoiser with fresh weights, drawn from the run's seed."""
    return spec.medium.denoiser(spec.recipe, spec.data)


def fits(spec: Spec) -> Callable[[Checkpoint], object]:
    """A function that checks whether a run can be resumed from a checkpoint.

    It raises ``DamagedFile`` if the checkpoint has to be skipped, and ``RunError`` if it belongs to
    another run.
    """
    backbone = build(spec).backbone
    optimizer = spec.recipe.engine.optimizer.build(backbone.named_parameters())

    def check(checkpoint: Checkpoint) -> None:
        saved = check_fits(backbone, checkpoint, optimizer)
        require_identity(checkpoint.path, saved, spec.identity)

    return check


@dataclass(frozen=True)
class Weights:
    """The identity of the weights of a denoiser.

    Attributes:
        fingerprint: The first 16 hex digits of the SHA-256 of their file; every sample stores it.
        step: Number of optimiser steps behind them; None if the file does not state it.
    """

    fingerprint: str
    step: int | None


def publish(directory: RunDirectory, tensors: dict[str, torch.Tensor], step: int) -> None:
    """Write the weights that sampling uses by default."""
    tensor_file.write_sealed(directory.model, tensors, {"step": str(step)})


def published_step(directory: RunDirectory) -> int | None:
    """The step of the weights that sampling uses; None without readable ones."""
    return _step_in(tensor_file.read_facts(directory.model))


def _step_in(facts: Mapping[str, str]) -> int | None:
    """The step of weights from the facts of their file; None if it is not stated."""
    best = best_in(facts)
    if best is not None:
        return best.step
    step = facts.get("step", "")
    return int(step) if step.isdecimal() else None


def load(
    directory: RunDirectory, denoiser: DenoiserT, snapshot: str = LATEST
) -> tuple[DenoiserT, Weights]:
    """The run's trained denoiser, in evaluation mode on the CPU.

    Args:
        directory: The run's directory.
        denoiser: With fresh weights, see :func:`build`.
        snapshot: The weights to load, one of :data:`SNAPSHOTS`.

    Raises:
        RunError: The run has not saved such weights yet.
        DamagedFile: The file is damaged, or belongs to another network.
        SettingError: There is no such snapshot.
    """
    rebuilt = "delete it: it is rebuilt from the latest checkpoint."
    hint = rebuilt if snapshot == LATEST else "use --snapshot latest."
    return load_file(_file_of(directory, snapshot, denoiser.backbone), denoiser, hint)


def load_file(path: Path, denoiser: DenoiserT, hint: str) -> tuple[DenoiserT, Weights]:
    """A denoiser with the weights of a file, in evaluation mode on the CPU.

    Args:
        path: File of the weights.
        denoiser: With fresh weights, see :func:`build`.
        hint: What to do if they cannot be read.

    Raises:
        DamagedFile: The file is damaged, or belongs to another network.
    """
    try:
        tensors, content = tensor_file.read_sealed(path)
        denoiser.backbone.load_state_dict(tensors, strict=True)
    except DamagedFile as error:
        raise DamagedFile(error.what, error.why, hint) from error
    except (ValueError, RuntimeError) as error:
        raise DamagedFile(
            f"{path} does not hold the weights of this run.",
            why=" ".join(str(error).split())[:200],
            hint=hint,
        ) from error
    step = _step_in(tensor_file.facts_of(content))
    weights = Weights(hashlib.sha256(content).hexdigest()[:16], step)
    denoiser.train(False).requires_grad_(False)
    return denoiser, weights


def _file_of(directory: RunDirectory, snapshot: str, backbone: nn.Module) -> Path:
    if snapshot not in SNAPSHOTS:
        raise SettingError(
            f"There is no snapshot '{snapshot}'.",
            why=f"there are {' and '.join(SNAPSHOTS)}",
            hint=suggest(snapshot, SNAPSHOTS),
        )
    if snapshot == LATEST:
        if not directory.model.is_file():
            _publish_latest(directory, backbone)
        return directory.model
    if not directory.best.is_file():
        raise RunError(
            f"The run '{directory.name}' has no best weights.",
            why="no data were held out, or the averaged weights have not been measured yet",
            hint="leave out --snapshot, or train with --settings data.held_out=0.1",
        )
    return directory.best


def _publish_latest(directory: RunDirectory, backbone: nn.Module) -> None:
    store = CheckpointStore(directory.checkpoints)
    checkpoint, _ = store.load_latest(partial(check_fits, backbone))
    if checkpoint is None:
        raise RunError(
            f"The run '{directory.name}' has no trained weights yet.",
            why="it was stopped before its first checkpoint",
            hint=f"sfumato resume {directory.name}",
        )
    publish(directory, dict(checkpoint.tensors["ema"]), checkpoint.step)


_ENTRY = "best"
_SHARE = 1 / 8
_DROPPED = 1 / 16


@dataclass(frozen=True)
class Best:
    """The identity of the best weights.

    Attributes:
        step: Number of optimiser steps behind them.
        name: Name of the measure.
        value: Value of the measure.
    """

    step: int
    name: str
    value: float


def keep_if_best(
    directory: RunDirectory, measured: Metric, tensors: Mapping[str, Tensor]
) -> Kept | None:
    """Replace the best weights if the averaged weights measured better.

    The best measure so far is read from the file, so that it survives a resume.

    Args:
        directory: The run's directory, whose lock is held.
        measured: The measure on held-out data; smaller is better.
        tensors: The averaged weights.
    """
    if not measured.value < best_value(directory):
        return None
    best = Best(measured.step, measured.name, measured.value)
    tensor_file.write_sealed(directory.best, tensors, {_ENTRY: json.dumps(asdict(best))})
    return Kept(step=best.step, name=best.name, value=best.value)


def best_value(directory: RunDirectory) -> float:
    """The measure of the best weights so far; infinity without readable ones."""
    best = best_of(directory)
    return math.inf if best is None else best.value


def best_of(directory: RunDirectory) -> Best | None:
    """The identity of the best weights; None without readable ones."""
    return best_in(tensor_file.read_facts(directory.best))


def best_in(facts: Mapping[str, str]) -> Best | None:
    """The identity of the best weights from the facts of their file; None without one."""
    try:
        entry = json.loads(facts[_ENTRY])
        return Best(int(entry["step"]), str(entry["name"]), float(entry["value"]))
    except (KeyError, TypeError, ValueError):
        return None


def keep_early(directory: RunDirectory, tensors: Mapping[str, Tensor], step: int) -> None:
    """Store the averaged weights of a step, and delete those that are too old to be useful.

    The file of the same step is replaced, because a killed run repeats its last steps.

    Args:
        directory: The run's directory, whose lock is held.
        tensors: The averaged weights.
        step: Number of optimiser steps.
    """
    directory.early.mkdir(exist_ok=True)
    path = directory.early / f"step-{step}.safetensors"
    tensor_file.write_sealed(path, tensors, {"step": str(step)})
    best = best_of(directory)
    oldest = min(step, step if best is None else best.step) * _DROPPED
    for old, file in _saved(directory).items():
        if old < oldest:
            file.unlink(missing_ok=True)


def early_for(directory: RunDirectory, step: int | None) -> Path:
    """The file of weights nearest to an eighth of the steps, among those of at most half.

    Raises:
        RunError: No such weights were stored.
    """
    saved = _saved(directory)
    at_most = math.inf if step is None else step / 2
    usable = [old for old in saved if old <= at_most]
    if not usable:
        raise RunError(
            f"The run '{directory.name}' has no early weights to be guided away from.",
            why="they are stored while training, and this run is too short or of an older version",
            hint="resume the run, or use another --guidance",
        )
    wanted = math.log(max(usable) if step is None else step * _SHARE)
    return saved[min(usable, key=lambda old: abs(math.log(old) - wanted))]


def _saved(directory: RunDirectory) -> dict[int, Path]:
    """The files by their steps."""
    found = directory.early.glob("step-*.safetensors") if directory.early.is_dir() else ()
    named = {path.name.removeprefix("step-").removesuffix(".safetensors"): path for path in found}
    return {int(name): path for name, path in sorted(named.items()) if name.isdecimal()}
