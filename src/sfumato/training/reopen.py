"""Data read for a measurement, which tells how far it is meanwhile."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from sfumato.runs.directory import RunDirectory
from sfumato.runs.measuring import Measuring
from sfumato.runs.spec import Spec
from sfumato.training.data import reopen
from sfumato.training.source import Reading
from sfumato.training.task import TrainingData

DataT = TypeVar("DataT", bound=TrainingData)


def reopened(
    directory: RunDirectory, spec: Spec, kind: type[DataT]
) -> Generator[Measuring, None, DataT]:
    """Read the data of an existing run again.

    Args:
        directory: The run.
        spec: Its spec.
        kind: The class of its data.

    Raises:
        DataError: They are gone.
        RunError: They are not what the run began with.
    """
    return (yield from read(reopen(directory, spec.data, spec.recipe), kind))


def read(
    events: Iterable[Any], kind: type[DataT], source: str | None = None
) -> Generator[Measuring, None, DataT]:
    """Yield the progress of reading and return the data.

    Args:
        events: As ``training.data`` gives them.
        kind: The class of the data.
        source: Where they come from, for the reader; None if that is clear.
    """
    of = "" if source is None else f" of {source}"
    for event in events:
        if isinstance(event, Reading):
            yield Measuring(f"reading {event.unit}{of}", event.done, event.total)
        if isinstance(event, kind):
            return event
    raise RuntimeError("reading ended without data")
