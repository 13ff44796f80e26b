"""Naming the files of a bad batch, whose loss is not finite or which did not arrive in time.

The engine knows the step and the places in its batch; the task knows the names of the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sfumato.engine.events import Skipped, Warned
from sfumato.engine.settings import EngineSettings
from sfumato.errors import Diverged, LateBatch
from sfumato.training.task import BatchT, Task

_NAMED = 5


@contextmanager
def files_named(task: Task[BatchT], settings: EngineSettings) -> Iterator[None]:
    """A context in which errors of the engine about a batch also name its files.

    Args:
        task: The task, which knows the files in the batch of a step.
        settings: How the run is trained.

    Raises:
        Diverged: A loss is not finite; the files are those of the samples at fault. If the weights
            are at fault, no files are named, but the learning rate.
        LateBatch: A batch did not arrive in time; the files are those of the whole batch.
    """
    try:
        yield
    except LateBatch as error:
        why = error.why + _of_files(task, error.step, range(settings.batch))
        raise LateBatch(error.what, why, error.hint, error.step) from error
    except Diverged as error:
        if error.of_weights:
            raise Diverged(
                error.what, error.why, _rate_hint(settings), error.step, error.places, True
            ) from error
        if error.step is None or not error.places:
            raise
        why = error.why + _of_files(task, error.step, error.places)
        hint = (
            "Look at them. Nothing was saved since: run again to resume from the last checkpoint. "
            "A run begun with --settings engine.on_divergence=skip leaves such steps out."
        )
        raise Diverged(error.what, why, hint, error.step, error.places) from error


def _rate_hint(settings: EngineSettings) -> str:
    """What to do if the weights diverged."""
    rate = settings.optimizer.lr
    return (
        f"The learning rate of this run is {rate:g}: begin a new run with a lower one, such as "
        f"--settings engine.optimizer.lr={rate / 10:g}. Nothing was saved since the last "
        "checkpoint."
    )


def skip_warning(event: Skipped, task: Task[BatchT]) -> Warned:
    """The warning that a step was skipped, with the names of the files at fault."""
    files = _of_files(task, event.step, event.places)
    return Warned(step=event.step, message=f"Step {event.step} is skipped: {event.why}{files}.")


def _of_files(task: Task[BatchT], step: int, places: Sequence[int]) -> str:
    """The files of samples in a step's batch, in words; empty if there are no places."""
    if not places:
        return ""
    names = list(dict.fromkeys(task.names(step, places)))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f", of {', '.join(names[:_NAMED])}{more}"
