"""Tokenised documents in memory-mapped files.

The name of a cache folder holds a digest of the path of the files, of how they are read and divided
and of the tokenizer if there is one, and a digest of all paths, sizes and times. A file whose size
or times changed is read again, and only if its contents changed is a library built again. Digests
of all arrays reveal damage. A cache folder can always be deleted: it is rebuilt from the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data.cache import open_array, require_seals
from sfumato.data.digests import DIGEST_BYTES, Changes, Entry
from sfumato.data.items import Strings
from sfumato.data.selection import Selection
from sfumato.data.split import count_classes
from sfumato.errors import DamagedFile, DataError, RunError
from sfumato.media.text import building
from sfumato.media.text.building import Plan, Progress
from sfumato.media.text.collection import Survey
from sfumato.media.text.files import Problem, find_texts
from sfumato.media.text.identity import Chunks, FileTable
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokens import Tokenizer, tokenizer_from_json
from sfumato.regular import require_regular
from sfumato.storage import default_cache, read_sealed_json

# Part of the key of every library: raise it when the same files give other contents than before.
_FORMAT = 4
_COMPARED_AT_ONCE = 128 << 20
_TRIES = 3
_EVERYTHING = Selection()


@dataclass(frozen=True)
class Library:
    """N tokenised documents.

    Attributes:
        tokens: The concatenated tokens of all documents: uint8, uint16 or int32, read-only, on the
            disk.
        offsets: The begin of each document and the end of the last one, int64 (N + 1,).
        names: Names of the documents: the path of the file, with ``:LINE`` for a part of it.
        labels: int64 indices into ``classes``, -1 for a document without a label, shape (N,); or
            ``None`` without labels.
        classes: The names of the classes, sorted by number if all are numbers, else by name.
        held_out: The held-out documents, bool (N,).
        tokenizer: The tokenizer.
        problems: What was set aside or repaired, the first 1000; ``problem_count`` counts all.
        duplicates: Pairs of names of equal texts, the later and the first, the first 1000;
            ``duplicate_count`` counts all.
        leaks: Pairs of names of equal texts, one held out and one to train on, the first 1000;
            ``leak_count`` counts the held-out ones.
        unread: Number of files of other kinds by suffix.
        forms: Number of files in each form other than UTF-8 with commas.
        survey: Statistics of the texts.
        fingerprint: SHA-256 over names, texts and labels; stays the same when the files are moved.
        files: The paths, sizes, times and digests of the files.
        changes: Files that differ from those of the earlier cache of the same source; empty if
            :meth:`open_or_prepare` had nothing to prepare.
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
    leaks: tuple[tuple[str, str], ...]
    leak_count: int
    unread: Mapping[str, int]
    forms: Mapping[str, int]
    survey: Survey
    fingerprint: str
    files: FileTable
    changes: Changes
    folder: Path
    _chunks: Chunks = field(repr=False, compare=False)

    @classmethod
    def prepare(
        cls,
        source: Path,
        settings: TextSettings,
        held_out: float = 0.05,
        tokenizer: Tokenizer | None = None,
        cache_dir: Path | None = None,
        labels: bool = True,
        selection: Selection = _EVERYTHING,
    ) -> Iterator[Progress]:
        """Build the cache of a library; yields nothing if it is present and intact.

        Args:
            source: A text file, or a folder of them.
            settings: How to read them.
            held_out: Approximate share of the documents to hold out, in [0, 1). It is ignored if
                records have a field ``split``. Of a single document the end is held out, as the
                document ``NAME#end``.
            tokenizer: The tokenizer; ``None`` learns one from the training documents.
            cache_dir: The folder of caches; by default the user's cache.
            labels: Whether labels are used.
            selection: Which files of a folder are looked at.

        Raises:
            DataError: No usable texts were found.
            DiskFull: There is no room for the cache.
            MissingExtra: The tokens need a package that is not installed.
            SettingError: ``held_out`` is out of its range.
        """
        plan = Plan(find_texts(source, selection), settings, held_out, tokenizer, labels)
        folder = _folder(plan, cache_dir)
        if _opened(folder, plan) is None:
            yield from building.build(plan, folder, _earlier(folder))

    @classmethod
    def open(
        cls,
        source: Path,
        settings: TextSettings,
        held_out: float = 0.05,
        tokenizer: Tokenizer | None = None,
        cache_dir: Path | None = None,
        labels: bool = True,
        selection: Selection = _EVERYTHING,
    ) -> Library | None:
        """Open the cache that :meth:`prepare` built; ``None`` if it is missing or damaged."""
        plan = Plan(find_texts(source, selection), settings, held_out, tokenizer, labels)
        return _opened(_folder(plan, cache_dir), plan)

    @classmethod
    def open_or_prepare(
        cls,
        source: Path,
        settings: TextSettings,
        held_out: float = 0.05,
        tokenizer: Tokenizer | None = None,
        cache_dir: Path | None = None,
        labels: bool = True,
        selection: Selection = _EVERYTHING,
        progress: Callable[[Progress], None] | None = None,
    ) -> Library:
        """Open a library, and prepare it first if needed; see :meth:`prepare`."""
        what = source, settings, held_out, tokenizer, cache_dir, labels, selection
        prepared = False
        # Another process may remove a damaged cache that this one has just seen rebuilt.
        for _ in range(_TRIES):
            for event in cls.prepare(*what):
                prepared = True
                if progress is not None:
                    progress(event)
            library = cls.open(*what)
            if library is not None:
                return library if prepared else replace(library, changes=Changes())
        raise DataError(
            f"The texts of '{source}' cannot be read back from the cache.",
            why="they changed while they were read, or the disk is at fault",
            hint="try again, or set SFUMATO_CACHE to another folder.",
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each document, shape (N,)."""
        return np.diff(self.offsets)

    @property
    def label_counts(self) -> dict[str, int]:
        """The number of documents of each class; empty without labels."""
        return count_classes(self.labels, self.classes)

    def document(self, number: int) -> NDArray[Any]:
        """The tokens of one document, shape (n,)."""
        return self.tokens[self.offsets[number] : self.offsets[number + 1]]

    def text(self, number: int) -> str:
        """The text of one document."""
        return self.tokenizer.decode(self.document(number))

    def entries(self) -> Iterator[Entry]:
        """The identity of every file."""
        return self.files.entries()

    def require_intact(self, begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        """Compare ranges of tokens with their digests, once for each chunk.

        Raises:
            DamagedFile: Some tokens are damaged. The library is built again when the texts are
                opened the next time.
        """
        if self._chunks.are_intact(begins, sizes):
            return
        with suppress(OSError):
            (self.folder / building.TABLE).unlink()
        raise DamagedFile(
            f"The cache in '{self.folder}' is damaged.",
            why="some of its tokens differ from their digests",
            hint="run the same command again: it builds the cache again.",
        )

    def split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sorted indices of the training documents and of the held-out documents."""
        return np.flatnonzero(~self.held_out), np.flatnonzero(self.held_out)


def _folder(plan: Plan, cache_dir: Path | None) -> Path:
    learned = None if plan.tokenizer is None else plan.tokenizer.to_json()
    # Rows of any context are cut from the same library.
    how = plan.settings.model_dump(mode="json", exclude={"context"})
    place = str(plan.texts.place.resolve())
    what = [_FORMAT, place, how, plan.held_out, learned, plan.labels]
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    name = f"{key[:16]}-{plan.texts.stamp[:16]}"
    return (cache_dir or default_cache()) / "texts" / name


def _earlier(folder: Path) -> Path | None:
    """The newest intact cache folder of another state of the same source."""
    key = folder.name.partition("-")[0]
    found = []
    for path in set(folder.parent.glob(f"{key}-*")) - {folder}:
        with suppress(OSError):  # Another process may remove it.
            found.append((path.stat().st_mtime, path))
    intact = (path for _, path in sorted(found, reverse=True) if _read(path) is not None)
    return next(intact, None)


def _opened(folder: Path, plan: Plan) -> Library | None:
    library = _read(folder)
    if library is None or _readable_by_now(folder, plan):
        return None
    # What is wrong with the folder itself can change while its files stay the same.
    found = plan.texts.problems
    return replace(
        library,
        problems=found + library.problems,
        problem_count=len(found) + library.problem_count,
        unread=plan.texts.unread,
    )


def _readable_by_now(folder: Path, plan: Plan) -> bool:
    """Whether a file that could not be opened, by no fault of its own, can be opened by now."""
    for name in json.loads((folder / building.TABLE).read_bytes())["again"]:
        with suppress(OSError), (plan.texts.root / name).open("rb"):
            return True
    return False


def _read(folder: Path) -> Library | None:
    try:
        for path in folder.iterdir():
            require_regular(path)  # A pipe would be waited for.
        table = read_sealed_json(folder / building.TABLE)
        require_seals(folder, table["seals"])
        count = int(table["documents"])
        tokenizer = tokenizer_from_json(table["tokenizer"])
        classes = tuple(table["classes"])
        offsets = _array(folder / building.OFFSETS, (count + 1,), np.int64)
        name_offsets = _array(folder / building.NAME_OFFSETS, (count + 1,), np.int64)
        tokens = _tokens(folder / building.TOKENS, tokenizer, int(offsets[-1]))
        library = Library(
            tokens=tokens,
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
            leaks=tuple((measured, trained) for measured, trained in table["leaks"]),
            leak_count=int(table["leak_count"]),
            unread={},
            forms=dict(table["forms"]),
            survey=Survey.from_json(table["survey"]),
            fingerprint=str(table["fingerprint"]),
            files=FileTable.read(folder, int(table["files"])),
            changes=Changes.from_json(table["changes"]),
            folder=folder,
            _chunks=_chunk_table(folder, tokens),
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, DamagedFile, DataError, RunError):
        return None
    all_tokens = np.array([0]), np.array([len(tokens)])
    small = tokens.nbytes <= _COMPARED_AT_ONCE
    return library if not small or library._chunks.are_intact(*all_tokens) else None


def _chunk_table(folder: Path, tokens: NDArray[Any]) -> Chunks:
    digests = np.load(folder / building.CHUNKS, allow_pickle=False)
    if digests.dtype != np.uint8 or digests.shape[1:] != (DIGEST_BYTES,):
        raise ValueError("the digests of the tokens are of another shape")
    return Chunks(tokens, digests)


def _array(path: Path, shape: tuple[int, ...], dtype: type[Any]) -> NDArray[Any]:
    return open_array(path, shape, np.dtype(dtype))


def _tokens(path: Path, tokenizer: Tokenizer, count: int) -> NDArray[Any]:
    array = np.memmap(path, building.token_type(tokenizer), mode="r")
    if len(array) != count:
        raise ValueError(f"expected {count} tokens: {len(array)}")
    # A plain view: indexing a numpy.memmap returns a memmap again, slower and with surprises.
    return array.view(np.ndarray)
