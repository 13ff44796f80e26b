"""From what the user named to data in memory-mapped form, for any medium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sfumato.errors import RunError
from sfumato.recipes import Recipe, TextRecipe
from sfumato.run.directory import RunDirectory
from sfumato.run.image import data as image
from sfumato.run.source import Fetching, Reading
from sfumato.run.spec import DataFacts
from sfumato.run.task import TrainingData
from sfumato.run.text import data as text


def prepare(
    source: str | Path, recipe: Recipe | TextRecipe
) -> Iterator[Fetching | Reading | TrainingData]:
    """Read the data of a run; yields progress, and at the end the data.

    Raises:
        DataError: There is nothing that can be used.
    """
    if isinstance(recipe, TextRecipe):
        yield from text.prepare(source, recipe)
    else:
        yield from image.prepare(source, recipe)


def reopen(
    directory: RunDirectory, facts: DataFacts, recipe: Recipe | TextRecipe
) -> Iterator[Reading | TrainingData]:
    """Read the data of an existing run again.

    Raises:
        DataError: It is gone.
        RunError: It is not what the run began with.
    """
    events: Iterator[Reading | TrainingData]
    if isinstance(recipe, TextRecipe):
        events = text.reopen(directory, facts, recipe)
    else:
        events = image.reopen(facts, recipe)
    for event in events:
        if isinstance(event, TrainingData) and event.facts.fingerprint != facts.fingerprint:
            raise RunError(
                f"The data in '{facts.source}' is not what this run began with.",
                why=f"it had {facts.count:,} usable items and has {event.facts.count:,}, "
                "or their names, sizes or labels changed",
                hint="put the files back, or begin a new run with: sfumato train",
            )
        yield event
