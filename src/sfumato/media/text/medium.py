"""The text medium: documents to rows of tokens, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from sfumato import storage
from sfumato.data.digests import Entry, write_digests
from sfumato.denoiser import TokenDenoiser
from sfumato.errors import DataError
from sfumato.media.display import texts_html
from sfumato.media.facts import DataFacts
from sfumato.media.medium import DIGESTS, Data, Description, Medium, Reading, Source
from sfumato.media.text.check import TextContents, TextReport, check, entries
from sfumato.media.text.files import PLAIN, RECORDS, UNREAD
from sfumato.media.text.folder import TextFolder
from sfumato.media.text.library import Library
from sfumato.media.text.recipes import RECIPES, TextRecipe
from sfumato.media.text.rows import Rows
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokens import Tokenizer, tokenizer_from_json
from sfumato.reading.stream import PACKED

TOKENIZER = "tokenizer.json"
"""Name of the file of the tokenizer in a run's folder."""

_MEGABYTE = 1_000_000
_LINE_LIMIT = 16 << 20


@dataclass(frozen=True)
class TextData(Data):
    """Documents as a run uses them.

    Attributes:
        recipe: The recipe, with the settings of the catalogue's data set.
        library: All documents.
        training: The training rows.
        held_out: The held-out rows, which may be empty.
        facts: The facts about the data for the spec.
    """

    recipe: TextRecipe
    library: Library
    training: Rows
    held_out: Rows
    facts: DataFacts

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the library."""
        return self.library.tokenizer

    def settled(self) -> TextRecipe:
        """See :meth:`Data.settled`; no setting of the recipe depends on the data."""
        return self.recipe

    def store(self, folder: Path) -> None:
        """See :meth:`Data.store`: writes the tokenizer and the digests of the files."""
        storage.write_sealed_json(folder / TOKENIZER, self.tokenizer.to_json())
        write_digests(folder / DIGESTS, self.entries())

    def with_facts(self, facts: DataFacts) -> Self:
        """See :meth:`Data.with_facts`."""
        return replace(self, facts=facts)

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Data.entries`."""
        return self.library.entries()

    def summary(self) -> Iterator[tuple[str, str]]:
        """See :meth:`Data.summary`."""
        found = TextContents.counted(self.library, self.training, TextMedium.unread)
        yield from TextContents(**found).summary(self.facts.source)


class TextMedium(Medium):
    """Texts as rows of tokens.

    Args:
        settings: How texts are read.
        tokenizer: The tokenizer.
    """

    name = "text"
    singular, plural = "text", "texts"
    suffixes = PLAIN | RECORDS | {PACKED}
    unread = UNREAD
    recipe = TextRecipe
    recipes = RECIPES
    options: ClassVar[Mapping[str, frozenset[str]]] = {
        "sample": frozenset({"temperature", "top_p", "length"}),
        "edit": frozenset({"pattern", "words", "length"}),
        "evaluate": frozenset({"temperature", "top_p", "molecules"}),
        "train": frozenset({"label_field"}),
        "check": frozenset({"label_field"}),
        "tune": frozenset({"data"}),
    }
    stored = (TOKENIZER,)
    captions = True
    example = "shakespeare"
    n = 4

    def __init__(self, settings: TextSettings, tokenizer: Tokenizer) -> None:
        self.settings = settings
        self.tokenizer = tokenizer

    @classmethod
    def of_run(cls, recipe: TextRecipe, folder: Path) -> Self:
        """See :meth:`Medium.of_run`.

        Raises:
            DamagedFile: The run's tokenizer is missing or cannot be read.
        """
        return cls(recipe.medium, read_tokenizer(folder))

    @classmethod
    def open(
        cls, source: Source, recipe: TextRecipe, stored: Path | None = None
    ) -> Iterator[Reading | Data]:
        """See :meth:`Medium.open`; an existing run keeps its own tokenizer.

        Raises:
            DamagedFile: The run's tokenizer cannot be read.
        """
        tokenizer = None if stored is None else read_tokenizer(stored)
        held_out, labels = recipe.data.held_out, recipe.data.labels
        path, settings = source.path, recipe.medium
        chosen = recipe.data.selection
        library = Library.open(path, settings, held_out, labels=labels, selection=chosen)
        if library is None or (
            tokenizer is not None and library.tokenizer.to_json() != tokenizer.to_json()
        ):
            for event in Library.prepare(
                path, settings, held_out, tokenizer, labels=labels, selection=chosen
            ):
                yield Reading(
                    step=0,
                    done=event.done_bytes // _MEGABYTE,
                    total=event.total_bytes // _MEGABYTE,
                    rejected=event.rejected,
                    unit="MB",
                )
            library = Library.open_or_prepare(
                path, settings, held_out, tokenizer, labels=labels, selection=chosen
            )
        yield _data(library, source, recipe)

    @classmethod
    def entries(cls, source: Path, recipe: TextRecipe) -> Iterator[Entry]:
        """See :meth:`Medium.entries`; all files are read."""
        return entries(source, recipe.medium, recipe.data.selection)

    @classmethod
    def check(
        cls,
        folder: Path,
        recipe: TextRecipe,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> TextReport:
        """See :meth:`Medium.check`. It prepares the library that a run uses."""

        def report(event: Any) -> None:
            if progress is not None:
                done, total = event.done_bytes // _MEGABYTE, event.total_bytes // _MEGABYTE
                progress(done, total, "reading MB")

        data = recipe.data
        return check(
            folder,
            recipe.medium,
            data.held_out,
            labels=data.labels,
            selection=data.selection,
            hints=cls.unread,
            progress=report,
        )

    @classmethod
    def denoiser(cls, recipe: TextRecipe, facts: DataFacts) -> TokenDenoiser:
        """See :meth:`Medium.denoiser`."""
        process = recipe.process.build(facts.vocabulary)
        classes = len(facts.classes) if recipe.data.labels else 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            backbone = recipe.backbone.build(
                process.size, process.states, recipe.medium.context, classes
            )
        return TokenDenoiser(backbone, process)

    @classmethod
    def describe(cls, recipe: TextRecipe, facts: DataFacts) -> Description:
        """See :meth:`Medium.describe`."""
        medium, process = recipe.medium, recipe.process
        return Description(
            subject=f"text of up to {medium.context} {medium.tokens}",
            rows={
                "process, keep schedule": f"{process.kind}, {process.keep.kind}",
                "tokens": f"{facts.vocabulary:,} {medium.tokens}",
            },
            facts={
                "texts": facts.count,
                "tokens": medium.tokens,
                "vocabulary": facts.vocabulary,
                "context": medium.context,
                "process": process.kind,
            },
        )

    @classmethod
    def holds_provenance(cls, path: Path) -> bool:
        """See :meth:`Medium.holds_provenance`; line N of a file is ``FILE.jsonl:N``."""
        return ".jsonl" in path.name

    @classmethod
    def read_provenance(cls, path: Path) -> dict[str, Any]:
        """See :meth:`Medium.read_provenance`; reads line N of ``FILE:N``, by default the first."""
        file_path, number = _split(path)
        try:
            with file_path.open("rb") as file:
                line = b""
                for before in range(number):
                    if not (line := file.readline(_LINE_LIMIT)):
                        raise DataError(
                            f"'{file_path}' has no line {number}.",
                            why=f"it has {before} line{'' if before == 1 else 's'}",
                        )
            found: dict[str, Any] = json.loads(line)["recipe"]
        except OSError as error:
            why = error.strerror or str(error)
            raise DataError(f"'{file_path}' cannot be read.", why=why) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"Line {number} of '{file_path}' carries no provenance of a text.",
                hint="use a samples.jsonl that Sfumato wrote, or samples.jsonl:N for its line N.",
            ) from error
        return found

    def folder(self, path: Path, format: str | None = None) -> TextFolder:
        """See :meth:`Medium.folder`."""
        return TextFolder(path, format or "")

    def html(self, items: Sequence[Any], captions: Sequence[str] = ()) -> str:
        """See :meth:`Medium.html`."""
        return texts_html(items)


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a run.

    Args:
        folder: The run's folder.

    Raises:
        DamagedFile: The file is missing or cannot be read.
    """
    return tokenizer_from_json(storage.read_sealed_json(folder / TOKENIZER))


def _data(library: Library, source: Source, recipe: TextRecipe) -> TextData:
    training, held_out = library.split()
    context, seed = recipe.medium.context, recipe.seed
    rows = Rows(library, training, context, seed)
    if not len(rows):
        raise DataError(
            f"'{source.path}' holds no text to train on.",
            why="all its documents are held out",
            hint="change the field 'split' of its records.",
        )
    facts = source.facts(
        fingerprint=library.fingerprint,
        content=library.fingerprint,
        count=len(library),
        classes=library.classes,
        frequencies=_frequencies(library, training),
        vocabulary=library.tokenizer.size,
        lengths=tuple(rows.lengths().tolist()),
    )
    return TextData(recipe, library, rows, Rows(library, held_out, context, seed), facts)


def _frequencies(library: Library, training: Any) -> tuple[float, ...]:
    """Share of each class among the training tokens that have one."""
    if library.labels is None:
        return ()
    labelled = training[library.labels[training] >= 0]
    tokens = library.lengths[labelled].astype(np.float64)
    counts = np.bincount(library.labels[labelled], tokens, minlength=len(library.classes))
    return tuple((counts / max(counts.sum(), 1.0)).round(6).tolist())


def _split(place: Path) -> tuple[Path, int]:
    name, colon, number = place.name.rpartition(":")
    if colon and number.isascii() and number.isdigit() and int(number) > 0 and not place.exists():
        return place.with_name(name), int(number)
    return place, 1
