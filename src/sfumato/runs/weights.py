"""Building a denoiser from a spec, and loading trained weights into it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.errors import DamagedFile, RunError, SettingError, suggest
from sfumato.runs.directory import RunDirectory
from sfumato.runs.snapshots import best_in
from sfumato.runs.spec import Spec

LATEST, BEST = SNAPSHOTS = ("latest", "best")
DenoiserT = TypeVar("DenoiserT", bound=NetworkDenoiser | TokenDenoiser)


def build(spec: Spec) -> NetworkDenoiser | TokenDenoiser:
    """A denoiser with fresh weights, drawn from the run's seed."""
    return spec.medium.denoiser(spec.recipe, spec.data)


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
    return load_file(_file_of(directory, snapshot), denoiser, hint)


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


def _file_of(directory: RunDirectory, snapshot: str) -> Path:
    if snapshot not in SNAPSHOTS:
        raise SettingError(
            f"There is no snapshot '{snapshot}'.",
            why=f"there are {' and '.join(SNAPSHOTS)}",
            hint=suggest(snapshot, SNAPSHOTS),
        )
    if snapshot == LATEST:
        if not directory.model.is_file():
            _publish_latest(directory)
        return directory.model
    if not directory.best.is_file():
        raise RunError(
            f"The run '{directory.name}' has no best weights.",
            why="no data were held out, or the averaged weights have not been measured yet",
            hint="leave out --snapshot, or train with --settings data.held_out=0.1",
        )
    return directory.best


def _publish_latest(directory: RunDirectory) -> None:
    checkpoint, _ = CheckpointStore(directory.checkpoints).load_latest()
    if checkpoint is None:
        raise RunError(
            f"The run '{directory.name}' has no trained weights yet.",
            why="it was stopped before its first checkpoint",
            hint=f"sfumato resume {directory.name}",
        )
    publish(directory, dict(checkpoint.tensors["ema"]), checkpoint.step)
