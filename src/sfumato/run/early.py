"""Weights of earlier steps, kept for guidance away from them.

Whenever the steps have doubled since the last were kept, the averaged weights are kept again; those
from before a sixteenth of the steps are dropped. So about an eighth of the training is at hand at
any time, which is near to what autoguidance wants (Karras et al. 2024, arXiv:2406.02507, table 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sfumato.engine import tensor_file
from sfumato.errors import RunError
from sfumato.run.directory import RunDirectory

_SHARE = 1 / 8
_DROPPED = 1 / 16


def keep_early(directory: RunDirectory, tensors: Mapping[str, Tensor], step: int) -> None:
    """Keep the averaged weights of a step, if it is time for it.

    Args:
        directory: Of the run; its lock is held.
        tensors: The averaged weights.
        step: Of the optimiser.
    """
    kept = _kept(directory)
    if step < 1 or step < 2 * max(kept, default=0):
        return
    directory.early.mkdir(exist_ok=True)
    path = directory.early / f"step-{step}.safetensors"
    tensor_file.write_tensors(path, dict(tensors), {"step": str(step)})
    for old, file in kept.items():
        if old < step * _DROPPED:
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
