"""From what the user named as data to data that a run can learn from, for any medium."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sfumato.data.digests import changes_since
from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.errors import RunError
from sfumato.media.facts import DataFacts
from sfumato.media.medium import Data, Reading
from sfumato.media.numbers import NumberData
from sfumato.media.registry import AnyRecipe, medium_of
from sfumato.media.text.medium import TextData
from sfumato.runs.directory import RunDirectory
from sfumato.runs.measuring import Measuring
from sfumato.runs.spec import Spec
from sfumato.training.number_task import NumberTask
from sfumato.training.source import Fetching, fetching, located, located_again
from sfumato.training.task import Task
from sfumato.training.token_task import TokenTask

DataT = TypeVar("DataT", bound=Data)


def prepare(source: str | Path, recipe: AnyRecipe) -> Iterator[Fetching | Reading | Data]:
    """Read the data of a new run; yields progress, and at the end the data.

    Raises:
        DataError: There is nothing that can be used.
    """
    medium = medium_of(recipe)
    medium.require()  # Before a download rather than after it.
    event = fetching(source)
    if event is not None:
        yield event
    yield from medium.open(located(source), recipe)


def reopen(
    directory: RunDirectory, facts: DataFacts, recipe: AnyRecipe
) -> Iterator[Reading | Data]:
    """Read the data of an existing run again.

    Raises:
        DataError: They are gone.
        RunError: They are not what the run began with.
    """
    for event in medium_of(recipe).open(located_again(facts), recipe, directory.root):
        yield _unchanged(directory, facts, event) if isinstance(event, Data) else event


def _unchanged(directory: RunDirectory, facts: DataFacts, data: Data) -> Data:
    """The data with the facts of the run, whose checkpoints carry its fingerprint.

    Raises:
        RunError: They are not what the run began with.
    """
    now = data.facts
    # Older runs have no digest of the content.
    same = now.content == facts.content if facts.content else now.fingerprint == facts.fingerprint
    changes = None if same else changes_since(directory.digests, data.entries())
    # Another version of a decoder can give other digests although no file changed.
    if same or (changes is not None and not changes):
        return data.with_facts(facts)
    raise RunError(
        f"The data in '{facts.source}' are not what this run began with.",
        why=f"there were {facts.count:,} usable items and now there are {now.count:,}"
        + (f": {changes}" if changes else ", or their names, sizes, contents or labels changed"),
        hint="put the files back, or begin a new run with: sfumato train",
    )


def reopened(
    directory: RunDirectory, spec: Spec, kind: type[DataT]
) -> Generator[Measuring, None, DataT]:
    """Read the data of an existing run again for a measurement.

    Args:
        directory: Of the run.
        spec: Its spec.
        kind: The class of its data.

    Returns:
        The data, after having yielded progress.

    Raises:
        DataError: They are gone.
        RunError: They are not what the run began with.
    """
    return (yield from _read(reopen(directory, spec.data, spec.recipe), kind))


def elsewhere(
    directory: RunDirectory, spec: Spec, source: str, kind: type[DataT]
) -> Generator[Measuring, None, DataT]:
    """Read other data as those of a run are read, with nothing held out.

    Args:
        directory: Of the run.
        spec: Its spec.
        source: A path, or a name in the catalogue.
        kind: The class of the run's data.

    Returns:
        The data, after having yielded progress.

    Raises:
        DataError: There is nothing that can be used.
    """
    data = spec.recipe.data.model_copy(update={"held_out": 0.0})
    recipe = spec.recipe.model_copy(update={"data": data})
    events = spec.medium.open(located(source), recipe, directory.root)
    return (yield from _read(events, kind, f" of {source}"))


def _read(
    events: Iterable[Any], kind: type[DataT], of: str = ""
) -> Generator[Measuring, None, DataT]:
    for event in events:
        if isinstance(event, Reading):
            yield Measuring(f"reading {event.unit}{of}", event.done, event.total)
        if isinstance(event, kind):
            return event
    raise RuntimeError("reading ended without data")


def task_for(data: Data, spec: Spec, denoiser: NetworkDenoiser | TokenDenoiser) -> Task[Any]:
    """What is to be learnt from data, by the objective of the run's recipe."""
    if isinstance(data, NumberData) and isinstance(denoiser, NetworkDenoiser):
        return NumberTask(data, spec, denoiser)
    if isinstance(data, TextData) and isinstance(denoiser, TokenDenoiser):
        return TokenTask(data, spec, denoiser)
    raise TypeError(f"{type(denoiser).__name__} cannot learn from {type(data).__name__}")
