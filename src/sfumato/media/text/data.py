"""Text as rows of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sfumato import storage
from sfumato.catalogue import CATALOGUE
from sfumato.denoiser import TokenDenoiser
from sfumato.errors import DataError
from sfumato.media.data.digests import Entry, write_digests
from sfumato.media.text.library import Library
from sfumato.media.text.recipe import TextRecipe
from sfumato.media.text.rows import Rows
from sfumato.media.text.tokens import Tokenizer, tokenizer_from_json
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import DataFacts, Spec
from sfumato.training.source import Fetching, Reading, fetching, folder_of, known_place
from sfumato.training.task import AnyDenoiser, TrainingData
from sfumato.training.tokens_task import TextTask

_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class TextData(TrainingData):
    """A set of documents as a run uses it.

    Attributes:
        recipe: As it was asked, with what the catalogue says of the set.
        library: All documents.
        training: Rows trained on.
        held_out: Rows measured on; maybe none.
        facts: For the spec.
    """

    recipe: TextRecipe
    library: Library
    training: Rows
    held_out: Rows
    facts: DataFacts

    @property
    def tokenizer(self) -> Tokenizer:
        """What the tokens mean."""
        return self.library.tokenizer

    def settled(self) -> TextRecipe:
        """As it is: the vocabulary is a fact of the data."""
        return self.recipe

    def store(self, directory: RunDirectory) -> None:
        """Write the tokenizer, without which the weights mean nothing, and the digests of files."""
        storage.write_sealed_json(directory.tokenizer, self.tokenizer.to_json())
        write_digests(directory.digests, self.entries())

    def entries(self) -> Iterator[Entry]:
        """The identity of every file."""
        return self.library.entries()

    def task(self, spec: Spec, denoiser: AnyDenoiser) -> TextTask:
        """To tell what stood where tokens were corrupted."""
        if not isinstance(denoiser, TokenDenoiser):
            raise TypeError("text is learnt by a denoiser of tokens")
        return TextTask(self, spec, denoiser)


def read_tokenizer(directory: RunDirectory) -> Tokenizer:
    """The tokenizer of a run.

    Raises:
        DamagedFile: It is missing or cannot be read.
    """
    return tokenizer_from_json(storage.read_sealed_json(directory.tokenizer))


def prepare(source: str | Path, recipe: TextRecipe) -> Iterator[Fetching | Reading | TextData]:
    """Read the data of a run; yields progress, and at the end the data.

    Raises:
        DataError: There is nothing that can be used.
    """
    if (said := fetching(source)) is not None:
        yield said
    folder, catalogued = folder_of(source)
    entry = str(source) if catalogued else None
    yield from _reading(folder, entry, recipe, None)


def reopen(
    directory: RunDirectory, facts: DataFacts, recipe: TextRecipe
) -> Iterator[Reading | TextData]:
    """Read the data of an existing run again, with the run's own tokens.

    Raises:
        DataError: It is gone.
        DamagedFile: The run's tokenizer cannot be read.
    """
    folder, entry = known_place(facts)
    yield from _reading(folder, entry, recipe, read_tokenizer(directory))


def elsewhere(
    directory: RunDirectory, source: str, recipe: TextRecipe
) -> Iterator[Reading | TextData]:
    """Other texts, with a run's own tokens; none of them is held out.

    Args:
        directory: The run.
        source: A folder, a file, or a name in the catalogue.
        recipe: Of the run.

    Raises:
        DataError: There is nothing that can be used.
    """
    folder, _ = folder_of(source)
    data = recipe.data.model_copy(update={"held_out": 0.0})
    whole = recipe.model_copy(update={"data": data})
    yield from _reading(folder, None, whole, read_tokenizer(directory))


def _reading(
    source: Path, entry: str | None, recipe: TextRecipe, tokenizer: Tokenizer | None
) -> Iterator[Reading | TextData]:
    held_out, labels = recipe.data.held_out, recipe.data.labels
    library = Library.open(source, recipe.medium, held_out, labels=labels)
    if library is None or (
        tokenizer is not None and library.tokenizer.to_json() != tokenizer.to_json()
    ):
        for event in Library.prepare(source, recipe.medium, held_out, tokenizer, labels=labels):
            yield Reading(
                step=0,
                done=event.done_bytes // _MEGABYTE,
                total=event.total_bytes // _MEGABYTE,
                rejected=event.rejected,
                unit="MB",
            )
        library = Library.open_or_prepare(source, recipe.medium, held_out, tokenizer, labels=labels)
    training, measured = library.split()
    context, seed = recipe.medium.context, recipe.seed
    rows = Rows(library, training, context, seed)
    if not len(rows):
        raise DataError(
            f"'{source}' holds no text to train on.",
            why="every document of it is held out",
            hint="change the field 'split' of its records.",
        )
    facts = _facts(source, entry, library, rows)
    yield TextData(recipe, library, rows, Rows(library, measured, context, seed), facts)


def _facts(source: Path, name: str | None, library: Library, rows: Rows) -> DataFacts:
    entry = None if name is None else CATALOGUE[name]
    return DataFacts(
        source=name or str(source.resolve()),
        catalogued=name is not None,
        fingerprint=library.fingerprint,
        content=library.fingerprint,
        count=len(library),
        classes=library.classes,
        frequencies=_frequencies(library),
        licence=entry.licence if entry else "",
        attribution=entry.attribution if entry else "",
        vocabulary=library.tokenizer.size,
        lengths=tuple(rows.lengths().tolist()),
    )


def _frequencies(library: Library) -> tuple[float, ...]:
    """Share of each class among the tokens trained on."""
    if library.labels is None:
        return ()
    training, _ = library.split()
    tokens = library.lengths[training].astype(np.float64)
    counts = np.bincount(library.labels[training], tokens, minlength=len(library.classes))
    return tuple((counts / counts.sum()).round(6).tolist())
