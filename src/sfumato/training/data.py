"""From what the user named to data in memory-mapped form, for any medium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from sfumato.errors import RunError
from sfumato.media.audio import data as audio
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.data.digests import changes_since
from sfumato.media.image import data as image
from sfumato.media.image.recipe import ImageRecipe
from sfumato.media.registry import AnyRecipe
from sfumato.media.text import data as text
from sfumato.media.text.recipe import TextRecipe
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import DataFacts
from sfumato.training.source import Fetching, Reading, fetching, folder_of, known_place
from sfumato.training.task import TrainingData

DataT = TypeVar("DataT", bound=TrainingData)


def prepare(source: str | Path, recipe: AnyRecipe) -> Iterator[Fetching | Reading | TrainingData]:
    """Read the data of a run; yields progress, and at the end the data.

    Raises:
        DataError: There is nothing that can be used.
    """
    if isinstance(recipe, TextRecipe):
        yield from text.prepare(source, recipe)
        return
    if isinstance(recipe, AudioRecipe):
        audio.require()  # Missing, it is better missed before a download.
    if (said := fetching(source)) is not None:
        yield said
    folder, catalogued = folder_of(source)
    entry = str(source) if catalogued else None
    yield from _signals(folder, entry, recipe)


def reopen(
    directory: RunDirectory, facts: DataFacts, recipe: AnyRecipe
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
        events = _signals(*known_place(facts), recipe)
    for event in events:
        yield _unchanged(directory, facts, event) if isinstance(event, TrainingData) else event


def _unchanged(directory: RunDirectory, facts: DataFacts, data: DataT) -> DataT:
    """The data with the facts of the run, whose checkpoints carry its own fingerprint.

    Raises:
        RunError: The data are not what the run began with.
    """
    now, whole = data.facts, cast(Any, data)
    # Older runs know no digest of the content.
    same = now.content == facts.content if facts.content else now.fingerprint == facts.fingerprint
    changes = None if same else changes_since(directory.digests, data.entries())
    # Other versions of the decoders can give other digests although no file changed.
    if same or (changes is not None and not changes):
        unchanged: DataT = replace(whole, facts=facts)
        return unchanged
    raise RunError(
        f"The data in '{facts.source}' is not what this run began with.",
        why=f"it had {facts.count:,} usable items and has {now.count:,}"
        + (f": {changes}" if changes else ", or their names, sizes, contents or labels changed"),
        hint="put the files back, or begin a new run with: sfumato train",
    )


def _signals(
    folder: Path, entry: str | None, recipe: ImageRecipe | AudioRecipe
) -> Iterator[Reading | TrainingData]:
    if isinstance(recipe, AudioRecipe):
        yield from audio.read(folder, entry, recipe)
    else:
        yield from image.read(folder, entry, recipe)
