"""Tokenised documents in memory-mapped files: prepared once, then read at memory speed.

A cache folder is named by the files (paths, sizes, times), by how they are read and divided, and by
the tokenizer where one is given. It can always be deleted: it is rebuilt from the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import DamagedFile, DataError
from sfumato.media.data.cache import open_array
from sfumato.media.data.items import Strings
from sfumato.media.text import building
from sfumato.media.text.building import Plan, Progress
from sfumato.media.text.files import Problem, find_texts
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.survey import Survey
from sfumato.media.text.tokens import Tokenizer, tokenizer_from_json
from sfumato.storage import default_cache

# Part of the key of every library: raise it when the same files give other contents than before.
_FORMAT = 2


@dataclass(frozen=True)
class Library:
    """N documents as tokens.

    Attributes:
        tokens: Of all documents, laid end to end: uint8, uint16 or int32, read-only, on the disk.
        offsets: Where each document begins, and at last where all end, int64 (N + 1,).
        names: Of the documents: the path of the file, with ``:LINE`` for a part of it.
        labels: int64 indices into ``classes``, shape (N,), or ``None`` without labels.
        classes: The names of the classes: by number if all are numbers, else by name.
        held_out: Which documents are kept from training, bool (N,).
        tokenizer: What the tokens mean.
        problems: What was set aside or mended, the first 1000; ``problem_count`` counts all.
        duplicates: Pairs of names of equal texts, the later and the first, the first 1000;
            ``duplicate_count`` counts all.
        survey: Figures about the texts.
        fingerprint: SHA-256 over names, texts and labels; stays the same when the files are moved.
        folder: The cache folder.
    """

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    names: Strings
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    held_out: NDArray[np.bool_]
    tokenizer: Tokenizer
    problems: tuple[Problem, ...]
    problem_count: int
    duplicates: tuple[tuple[str, str], ...]
    duplicate_count: int
    survey: Survey
    fingerprint: str
    folder: Path

    @classmethod
    def prepare(
        cls,
        source: Path,
        settings: TextSettings,
        held_out: float = 0.05,
        tokenizer: Tokenizer | None = None,
        cache_dir: Path | None = None,
        labels: bool = True,
    ) -> Iterator[Progress]:
        """Fill the cache of a library; yields nothing if it is there and whole.

        Args:
            source: A text file, or a folder of them.
            settings: How to read them.
            held_out: About which share of the documents to hold out, in [0, 1). It counts only
                where no record says itself on which side it is. Of a single document its end is
                held out, as the document ``NAME#end``.
            tokenizer: The one to use; ``None`` learns one from the training documents.
            cache_dir: Where libraries are kept; by default in the user's cache.
            labels: Whether labels are taken; then texts without one are left out where others
                have one.

        Raises:
            DataError: There is nothing that can be used.
            DiskFull: There is no room for the cache.
            MissingExtra: The tokens need a package that is not installed.
            SettingError: ``held_out`` is out of its range.
        """
        plan = Plan(find_texts(source), settings, held_out, tokenizer, labels)
        folder = _folder(plan, cache_dir)
        if _opened(folder) is None:
            yield from building.build(plan, folder)

    @classmethod
    def open(
        cls,
        source: Path,
        settings: TextSettings,
        held_out: float = 0.05,
        tokenizer: Tokenizer | None = None,
        cache_dir: Path | None = None,
        labels: bool = True,
    ) -> Library | None:
        """Open what :meth:`prepare` made; ``None`` where it is missing or damaged."""
        plan = Plan(find_texts(source), settings, held_out, tokenizer, labels)
        return _opened(_folder(plan, cache_dir))

    @classmethod
    def open_or_prepare(
        cls,
        source: Path,
        settings: TextSettings,
        held_out: float = 0.05,
        tokenizer: Tokenizer | None = None,
        cache_dir: Path | None = None,
        labels: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> Library:
        """Open a library, preparing it first where that is needed; raises as that does."""
        for event in cls.prepare(source, settings, held_out, tokenizer, cache_dir, labels):
            if progress is not None:
                progress(event)
        library = cls.open(source, settings, held_out, tokenizer, cache_dir, labels)
        if library is None:
            raise DataError(
                f"The texts of '{source}' cannot be read back from the cache.",
                why="they changed while they were read, or the disk is at fault",
                hint="try again, or set SFUMATO_CACHE to another folder.",
            )
        return library

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many tokens each document has, shape (N,)."""
        return np.diff(self.offsets)

    def document(self, number: int) -> NDArray[Any]:
        """The tokens of one document, shape (n,)."""
        return self.tokens[self.offsets[number] : self.offsets[number + 1]]

    def text(self, number: int) -> str:
        """The text of one document."""
        return self.tokenizer.decode(self.document(number))

    def split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sorted indices of the training documents and of the held-out ones."""
        return np.flatnonzero(~self.held_out), np.flatnonzero(self.held_out)


def _folder(plan: Plan, cache_dir: Path | None) -> Path:
    learned = None if plan.tokenizer is None else plan.tokenizer.to_json()
    # Rows are cut later, from the same library.
    how = plan.settings.model_dump(mode="json", exclude={"context"})
    what = [_FORMAT, plan.texts.stamp, how, plan.held_out, learned, plan.labels]
    key = json.dumps(what, sort_keys=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    return (cache_dir or default_cache()) / "texts" / name


def _opened(folder: Path) -> Library | None:
    try:
        table = json.loads((folder / building.TABLE).read_bytes())
        count = int(table["documents"])
        tokenizer = tokenizer_from_json(table["tokenizer"])
        classes = tuple(table["classes"])
        offsets = _array(folder / building.OFFSETS, (count + 1,), np.int64)
        name_offsets = _array(folder / building.NAME_OFFSETS, (count + 1,), np.int64)
        return Library(
            tokens=_tokens(folder / building.TOKENS, tokenizer, int(offsets[-1])),
            offsets=offsets,
            names=Strings(
                _array(folder / building.NAMES, (int(name_offsets[-1]),), np.uint8), name_offsets
            ),
            labels=_array(folder / building.LABELS, (count,), np.int64) if classes else None,
            classes=classes,
            held_out=_array(folder / building.HELD_OUT, (count,), np.bool_),
            tokenizer=tokenizer,
            problems=tuple(Problem(*fields) for fields in table["problems"]),
            problem_count=int(table["problem_count"]),
            duplicates=tuple((later, first) for later, first in table["duplicates"]),
            duplicate_count=int(table["duplicate_count"]),
            survey=Survey.from_json(table["survey"]),
            fingerprint=str(table["fingerprint"]),
            folder=folder,
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, DamagedFile):
        return None


def _array(path: Path, shape: tuple[int, ...], dtype: type[Any]) -> NDArray[Any]:
    return open_array(path, shape, np.dtype(dtype))


def _tokens(path: Path, tokenizer: Tokenizer, count: int) -> NDArray[Any]:
    array = np.memmap(path, building.token_type(tokenizer), mode="r")
    if len(array) != count:
        raise ValueError(f"expected {count} tokens: {len(array)}")
    # A plain view: indexing a numpy.memmap returns a memmap again, slower and with surprises.
    return array.view(np.ndarray)
