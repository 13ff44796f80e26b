"""Which files a loss that is not finite came with, or a batch that never did."""

from __future__ import annotations

from collections.abc import Sequence

from sfumato.errors import Diverged, LateBatch
from sfumato.training.task import BatchT, Task

_NAMED = 5


def traced(error: Diverged, task: Task[BatchT]) -> Diverged:
    """The same error, which also names the files at fault where they are known."""
    if error.step is None or not error.places:
        return error
    hint = (
        "Look at them. Nothing was saved since: run again to go on from the last checkpoint. "
        "A run begun with --set engine.on_divergence=skip leaves such steps out."
    )
    why = error.why + whose(task, error.step, error.places)
    return Diverged(error.what, why, hint, error.step, error.places)


def awaited(error: LateBatch, task: Task[BatchT], batch: int) -> LateBatch:
    """The same error, which also names files of the batch, of so many samples."""
    why = error.why + whose(task, error.step, range(batch))
    return LateBatch(error.what, why, error.hint, error.step)


def whose(task: Task[BatchT], step: int, places: Sequence[int]) -> str:
    """The files of samples in a step's batch, in words; empty where no sample is at fault."""
    if not places:
        return ""
    names = list(dict.fromkeys(task.names(step, places)))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f", of {', '.join(names[:_NAMED])}{more}"
