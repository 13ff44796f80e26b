"""The data of an existing run, read again while a measurement tells how far it is."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from sfumato.run.data import reopen
from sfumato.run.directory import RunDirectory
from sfumato.run.measuring import Measuring
from sfumato.run.source import Reading
from sfumato.run.spec import Spec
from sfumato.run.task import TrainingData

DataT = TypeVar("DataT", bound=TrainingData)


def reopened(
    directory: RunDirectory, spec: Spec, kind: type[DataT]
) -> Generator[Measuring, None, DataT]:
    """Yield the progress of reading and return the data.

    Args:
        directory: The run.
        spec: Its spec.
        kind: The class of its data.

    Raises:
        DataError: They are gone.
        RunError: They are not what the run began with.
    """
    for event in reopen(directory, spec.data, spec.recipe):
        if isinstance(event, Reading):
            yield Measuring(f"reading {event.unit}", event.done, event.total)
        if isinstance(event, kind):
            return event
    raise RuntimeError("reading ended without data")
