"""Building the cache of a library: read all texts, learn the tokenizer, encode all texts.

The texts are first concatenated in a temporary file, so that each source is read once and the
result is consistent even if a source changes meanwhile. If an earlier library of the same source
has the same contents, its files are linked instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.data.cache import seals, write_arrays
from sfumato.data.digests import Changes, compare
from sfumato.errors import DataError
from sfumato.media.text.collection import Collection, Collector, Survey, Surveyor
from sfumato.media.text.documents import Problem, documents_in
from sfumato.media.text.files import PLAIN, UNREADABLE, Form, TextFiles
from sfumato.media.text.identity import FileDigest, FileTable, chunk_digests, link_files
from sfumato.media.text.settings import USUAL_LABEL, TextSettings
from sfumato.media.text.tokenizer import Tokenizer, pieces
from sfumato.media.text.tokens import learn_tokenizer, require_extra
from sfumato.storage import new_folder, read_sealed_json, remove, write_sealed_json

TABLE, TOKENS, OFFSETS = "table.json", "tokens.bin", "offsets.npy"
NAMES, NAME_OFFSETS = "names.npy", "name_offsets.npy"
LABELS, HELD_OUT, CHUNKS = "labels.npy", "held_out.npy", "chunks.npy"

_TEXTS = "texts.tmp"
_BATCH = 1 << 20
_MOST_PROBLEMS, _MOST_DUPLICATES = 1000, 1000


class Progress(NamedTuple):
    """The progress of a build.

    Attributes:
        done_bytes, total_bytes: Progress in bytes; the first half is reading, the second encoding.
        documents: Number of documents read so far.
        rejected: Number of problems found so far.
    """

    done_bytes: int
    total_bytes: int
    documents: int
    rejected: int


@dataclass(frozen=True)
class Plan:
    """The inputs that determine the content of a library.

    Attributes:
        texts: The files.
        settings: How to read them.
        held_out: Approximate share to hold out, in [0, 1), unless records have a field ``split``.
        tokenizer: The tokenizer; ``None`` learns one from the training documents.
        labels: Whether labels are used.
    """

    texts: TextFiles
    settings: TextSettings
    held_out: float
    tokenizer: Tokenizer | None
    labels: bool = True


def build(plan: Plan, folder: Path, earlier: Path | None = None) -> Iterator[Progress]:
    """Build a cache folder; it appears when the iterator is exhausted, else nothing is left behind.

    Args:
        plan: The inputs of the library.
        folder: The cache folder.
        earlier: An intact cache folder of the same plan for an earlier state of the files, if any.

    Raises:
        DataError: No usable texts were found.
        DiskFull: There is no room for the cache.
        MissingExtra: The tokens need a package that is not installed.
    """
    require_extra(plan.settings)
    _require_records(plan)
    before = None if earlier is None else _file_table(earlier)
    if earlier is not None and before is not None and before.describes(plan.texts, plan.settings):
        yield Progress(plan.texts.size, 2 * plan.texts.size, 0, 0)
        _link_earlier(earlier, folder, FileTable.of(plan.texts.files, before.digests.tobytes()))
        return
    with suppress(FileNotFoundError):
        remove(folder)
    with new_folder(folder) as building:
        problems = _Problems()
        found, collection = yield from _collect(plan, building / _TEXTS, problems)
        held = collection.held_out(plan.held_out)
        tokenizer = plan.tokenizer or learn_tokenizer(
            plan.settings, collection.texts(building / _TEXTS, np.flatnonzero(~held))
        )
        read = Progress(plan.texts.size, 2 * plan.texts.size, len(collection), len(problems))
        survey = yield from _encode(collection, found, tokenizer, building, read)
        (building / _TEXTS).unlink()
        _write_arrays(building, collection, held)
        table = FileTable.of(plan.texts.files, problems.digests)
        table.write(building)
        changes = Changes() if before is None else compare(before.entries(), table.entries())
        about = (
            _described(collection, tokenizer, held)
            | problems.to_json()
            | _about_files(table, changes)
        )
        _write_table(building, about | {"survey": survey.to_json()})


def _link_earlier(earlier: Path, folder: Path, table: FileTable) -> None:
    """Build a cache folder from another one with the same contents."""
    about = read_sealed_json(earlier / TABLE)
    with new_folder(folder) as building:
        link_files(earlier, building, [*about.pop("seals"), TOKENS])
        table.write(building)
        _write_table(building, about | _about_files(table, Changes()))


def _file_table(folder: Path) -> FileTable:
    return FileTable.read(folder, int(read_sealed_json(folder / TABLE)["files"]))


def _about_files(table: FileTable, changes: Changes) -> dict[str, object]:
    return {"files": len(table), "changes": changes.to_json()}


def _write_table(building: Path, about: dict[str, object]) -> None:
    """Write the table with the seals of all arrays; tokens have separate digests."""
    names = sorted(path.name for path in building.glob("*.npy"))
    write_sealed_json(building / TABLE, about | {"seals": seals(building, names)})


def _require_records(plan: Plan) -> None:
    """Check that there are records if the settings name their fields."""
    usual = TextSettings()
    named = {
        name: getattr(plan.settings, name)
        for name in ("label_field", "text_field")
        if (plan.labels or name == "text_field")
        and getattr(plan.settings, name) != getattr(usual, name)
    }
    if named and all(file.suffix in PLAIN for file in plan.texts.files):
        name, field = next(iter(named.items()))
        raise DataError(
            f"There is no field '{field}' in '{plan.texts.place}'.",
            why=f"medium.{name} names a field of records, and there are none (.jsonl, .csv, ...)",
            hint="the classes of plain texts are their folders: use one folder for each class.",
        )


def _require_labels(plan: Plan, collection: Collection, problems: _Problems) -> None:
    """Check that a field of labels that the settings name is in some record."""
    field = plan.settings.label_field
    if plan.labels and field != USUAL_LABEL and not collection.classes:
        raise DataError(
            f"There is no field '{field}' in '{plan.texts.place}'.",
            why=str(problems) or "the field is empty in all records",
            hint="set medium.label_field to the right one, or data.labels=false.",
        )


class _Problems:
    """The first problems, and the number of all.

    Attributes:
        digests: Digests of the files read so far, see :class:`FileDigest`.
        forms: Number of files in each form, see :class:`~sfumato.media.text.files.Form`.
    """

    def __init__(self) -> None:
        self.digests = b""
        self.forms: Counter[str] = Counter()
        self._first: list[Problem] = []
        self._again: list[str] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def lack_field(self) -> bool:
        """Whether records or tables without the field of the texts are among the first ones."""
        signs = ("' is missing; ", "has no column '")
        return any(sign in problem.reason for problem in self._first for sign in signs)

    def add(self, problem: Problem) -> None:
        self._count += 1
        if len(self._first) < _MOST_PROBLEMS:
            self._first.append(problem)
        if problem.reason.startswith(UNREADABLE):
            self._again.append(problem.path)

    def to_json(self) -> dict[str, Any]:
        problems = {"problems": self._first, "problem_count": self._count}
        return problems | {"again": self._again, "forms": dict(self.forms)}

    def __str__(self) -> str:
        first = self._first[:3]
        return "; ".join(f"{path}{f':{line}' if line else ''}: {why}" for path, line, why in first)


def _collect(
    plan: Plan, file: Path, problems: _Problems
) -> Generator[Progress, None, tuple[Collection, Collection]]:
    """Collect the documents, as they are found and as they are used."""
    reported = before = 0
    digests = bytearray()
    with file.open("wb") as out:
        collector = Collector(out)
        for source in plan.texts.files:
            content = FileDigest()
            for found in documents_in(plan.texts.root, source, plan.settings, before):
                if isinstance(found, Form):
                    problems.forms[found.words] += 1
                    continue
                if isinstance(found, Problem):
                    problems.add(found)
                    content.add(found)
                    continue
                content.add(found, collector.add(found))
                if found.read - reported >= _BATCH:
                    reported = found.read
                    yield Progress(reported, 2 * plan.texts.size, len(collector), len(problems))
            digests += content.finish()
            before += source.size
    problems.digests = bytes(digests)
    if not len(collector):
        raise DataError(
            f"Nothing in '{plan.texts.place}' can be used as text.",
            why=str(problems),
            hint=f"name the field of the texts, now '{plan.settings.text_field}', with --settings "
            "medium.text_field=NAME."
            if problems.lack_field
            else "the files should contain text in UTF-8, or in an encoding that is named with "
            "--settings medium.encoding=NAME.",
        )
    collection = collector.finish(plan.labels)
    _require_labels(plan, collection, problems)
    if (unlabelled := collection.unlabelled()).size:
        place, _, line = collection.names[int(unlabelled[0])].rpartition(":")
        is_part = bool(place) and line.isdecimal()
        name = place if is_part else collection.names[int(unlabelled[0])]
        many = f"{len(unlabelled):,} texts have no label, this one first; they are used without one"
        reason = many if len(unlabelled) > 1 else "has no label, and is used without one"
        problems.add(Problem(name, int(line) if is_part else None, reason))
    apart = collection.with_end_apart(file, plan.held_out) if plan.held_out else collection
    return collection, apart


def _encode(
    collection: Collection,
    found: Collection,
    tokenizer: Tokenizer,
    building: Path,
    before: Progress,
) -> Generator[Progress, None, Survey]:
    """Write the tokens of all documents and their offsets; survey the documents as found."""
    surveyor = Surveyor(found.names)
    is_cut = found is not collection
    if is_cut:
        for text in found.texts(building / _TEXTS, np.arange(len(found))):
            surveyor.add(text)
    lengths = np.zeros(len(collection), dtype=np.int64)
    dtype = token_type(tokenizer)
    half = before.total_bytes // 2
    with (building / TOKENS).open("wb") as out:
        add = None if is_cut else surveyor.add
        for places, parts in _batches(collection, building / _TEXTS, add):
            surveyor.count("".join(parts))
            tokens, counts = tokenizer.encode_batch(parts)
            out.write(tokens.astype(dtype).tobytes())
            np.add.at(lengths, places, counts)
            done = half * int(collection.stops[places[-1]]) // int(collection.stops[-1])
            yield before._replace(done_bytes=half + done)
    np.save(building / OFFSETS, np.append(0, np.cumsum(lengths)), allow_pickle=False)
    return surveyor.finish()


def _batches(
    collection: Collection, file: Path, survey: Callable[[str], None] | None
) -> Iterator[tuple[list[int], list[str]]]:
    """Batches of about a million characters: numbers of documents, and texts or parts of them.

    Each complete text is also passed to ``survey``.
    """
    places: list[int] = []
    parts: list[str] = []
    waiting = 0
    for place, text in enumerate(collection.texts(file, np.arange(len(collection)))):
        if survey is not None:
            survey(text)
        for part in pieces(text, _BATCH):
            places.append(place)
            parts.append(part)
            waiting += len(part)
            if waiting >= _BATCH:
                yield places, parts
                places, parts, waiting = [], [], 0
    if parts:
        yield places, parts


def token_type(tokenizer: Tokenizer) -> np.dtype[Any]:
    """The smallest integer type for the tokens of a tokenizer."""
    if tokenizer.size <= 1 << 8:
        return np.dtype(np.uint8)
    return np.dtype(np.uint16 if tokenizer.size <= 1 << 16 else np.int32)


def _write_arrays(building: Path, collection: Collection, held: NDArray[np.bool_]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        NAMES: collection.names.data,
        NAME_OFFSETS: collection.names.offsets,
        HELD_OUT: held,
        CHUNKS: chunk_digests(building / TOKENS),
    }
    if collection.labels is not None:
        arrays[LABELS] = collection.labels
    write_arrays(building, arrays)


def _described(
    collection: Collection, tokenizer: Tokenizer, held: NDArray[np.bool_]
) -> dict[str, object]:
    names = collection.names
    equal, leaks = collection.duplicates(), collection.leaks(held)

    def named(pairs: NDArray[np.int64]) -> list[list[str]]:
        return [[names[a], names[b]] for a, b in pairs[:_MOST_DUPLICATES].tolist()]

    return {
        "documents": len(collection),
        "classes": collection.classes,
        "fingerprint": collection.fingerprint,
        "tokenizer": tokenizer.to_json(),
        "duplicates": named(equal),
        "duplicate_count": len(equal),
        "leaks": named(leaks),
        "leak_count": len(leaks),
    }
