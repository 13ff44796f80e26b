"""Weights of earlier steps, kept for guidance away from them.

The averaged weights are kept of every step that is a power of two: which ones is a function of the
step alone, so a resumed run keeps what an unbroken one does. Those from before a sixteenth of the
steps are dropped, counted from the best weights where these are older than the newest. So there are
about five, and one of them is within a factor of 1.5 of an eighth of the training, near to what
autoguidance wants (Karras et al. 2024, arXiv:2406.02507, table 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sfumato.engine import tensor_file
from sfumato.errors import RunError
from sfumato.runs.best import best_of
from sfumato.runs.directory import RunDirectory

_SHARE = 1 / 8
_DROPPED = 1 / 16


def keep_early(directory: RunDirectory, tensors: Mapping[str, Tensor], step: int) -> None:
    """Keep the averaged weights of a step, and drop those that are too old to be of use.

    A step that was kept already is replaced: a run that was killed goes over its last steps anew.

    Args:
        directory: Of the run; its lock is held.
        tensors: The averaged weights.
        step: Of the optimiser.
    """
    directory.early.mkdir(exist_ok=True)
    path = directory.early / f"step-{step}.safetensors"
    tensor_file.write_sealed(path, tensors, {"step": str(step)})
    best = best_of(directory)
    oldest = min(step, step if best is None else best.step) * _DROPPED
    for old, file in _kept(directory).items():
        if old < oldest:
            file.unlink(missing_ok=True)


def early_for(directory: RunDirectory, step: int | None) -> Path:
    """The weights nearest to an eighth of the steps, of at most half of them.

    Raises:
        RunError: None were kept.
    """
    kept = _kept(directory)
    at_most = math.inf if step is None else step / 2
    usable = [old for old in kept if old <= at_most]
    if not usable:
        raise RunError(
            f"The run '{directory.name}' has no early weights to be guided away from.",
            why="they are kept while training, and this one is too short or of an older version",
            hint="train on, or take another --guidance",
        )
    wanted = math.log(max(usable) if step is None else step * _SHARE)
    return kept[min(usable, key=lambda old: abs(math.log(old) - wanted))]


def _kept(directory: RunDirectory) -> dict[int, Path]:
    """The files by their steps."""
    found = directory.early.glob("step-*.safetensors") if directory.early.is_dir() else ()
    named = {path.name.removeprefix("step-").removesuffix(".safetensors"): path for path in found}
    return {int(name): path for name, path in sorted(named.items()) if name.isdecimal()}
