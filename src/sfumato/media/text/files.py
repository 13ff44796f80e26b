"""Finding text files: a single file, or all files of a folder at any depth."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from unicodedata import normalize

from sfumato.data.walk import Rejected, suffix_of, walk, why_nothing_found
from sfumato.errors import DataError, suggest
from sfumato.reading.stream import PACKED

PLAIN = frozenset({".txt", ".md"})
TABLES = frozenset({".csv", ".tsv"})
RECORDS = frozenset({".jsonl", ".ndjson", ".json"}) | TABLES
# Files about the data, which are not texts themselves.
_ABOUT = frozenset(
    {"attribution", "changelog", "citation", "copying", "licence", "license", "notice", "readme"}
)
_READABLE = f"files that can be read: {' '.join(sorted(PLAIN | RECORDS))}, also with .gz"
UNREADABLE = "cannot be read: "
"""First words of a problem that is not the fault of the file."""
_ARCHIVES = frozenset({".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz"})
_SIDES: Mapping[str, bool] = {
    **dict.fromkeys(("train", "training"), False),
    **dict.fromkeys(("test", "testing", "tst", "validation", "valid", "val", "dev"), True),
    **dict.fromkeys(("eval", "evaluation", "held_out", "held-out", "heldout", "holdout"), True),
}


def side_of(name: str) -> bool | None:
    """Whether the name of a part of the data holds it out from training; None if it is unknown."""
    return _SIDES.get(name.strip().lower())


class Problem(NamedTuple):
    """Something that was set aside or repaired: its file, line from 1 if any, and reason."""

    path: str
    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class TextFile:
    """One text file.

    Attributes:
        path: Path relative to the folder, with ``/`` as separator.
        size: Size in bytes.
        mtime_ns: Time of the last change of the content; programs can set it.
        ctime_ns: Time of the last change of the file or of its status.
        label: The folder that is its class, if the folders are classes.
        held_out: Whether its folder or name holds it out; None if they do not state it.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int = 0
    label: str | None = None
    held_out: bool | None = None

    @property
    def suffix(self) -> str:
        """The suffix of its name in lower case, without ``.gz``."""
        return readable_suffix(self.path)

    @property
    def stats(self) -> tuple[int, int, int]:
        """Its size and times, a cheap hint that it did not change."""
        return self.size, self.mtime_ns, self.ctime_ns


@dataclass(frozen=True)
class TextFiles:
    """The text files of a source.

    Attributes:
        root: The folder, or the folder of the single file.
        files: The files, sorted by path.
        problems: Files that were set aside, with reasons.
        unread: Number of files of other kinds by suffix, the most frequent first.
    """

    root: Path
    files: tuple[TextFile, ...]
    problems: tuple[Problem, ...]
    unread: Mapping[str, int] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """The folder, or the only file."""
        return self.root / self.files[0].path if len(self.files) == 1 else self.root

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def stamp(self) -> str:
        """SHA-256 over the folder, paths, sizes and times, which changes when a file is edited."""
        # Times can be artificial, as in archives: two folders can differ in their path alone.
        files = [(file.path, *file.stats) for file in self.files]
        found = [str(self.root.resolve()), *files]
        return hashlib.sha256(repr(found).encode(errors="surrogateescape")).hexdigest()


def readable_suffix(path: str) -> str:
    """The suffix of a path in lower case; the one before ``.gz`` of a packed file."""
    suffix = suffix_of(path)
    return suffix_of(path[: -len(PACKED)]) if suffix == PACKED else suffix


def find_texts(source: Path) -> TextFiles:
    """Find the texts of a folder, nested to any depth, or accept a single file.

    Hidden files, and files about the data (README, LICENSE, ATTRIBUTION and the like), are skipped.
    Links to folders and links that leave the folder are reported as problems. Folders and names
    such as ``train`` and ``test`` divide the files, and other folders are their classes, see
    :func:`placed`.

    Raises:
        DataError: The source is missing, or holds no file that can be read.
    """
    source = Path(source).expanduser()
    if source.is_dir():
        return _in_folder(source)
    if not source.is_file():
        raise _missing(source)
    if readable_suffix(source.name) not in PLAIN | RECORDS:
        packed = source.suffix.lower() in _ARCHIVES | {PACKED}
        raise DataError(
            f"'{source}' is not a text file that can be read.",
            why=f"its name ends in '{source.suffix}'"
            if source.suffix
            else "its name has no ending",
            hint=f"unpack it first; {_READABLE}."
            if packed
            else f"{_READABLE}; for images and audio, use a folder.",
        )
    status = source.stat()
    found = TextFile(source.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return TextFiles(source.parent, (found,), ())


def _missing(source: Path) -> DataError:
    parent = source.parent
    beside = [child.name for child in parent.iterdir()] if parent.is_dir() else []
    return DataError(
        f"There is no file or folder '{source}'.",
        hint=suggest(source.name, beside) if 0 < len(beside) <= 20 else "check the path.",
    )


def _in_folder(root: Path) -> TextFiles:
    problems: list[Problem] = []
    other: Counter[str] = Counter()
    found: list[TextFile] = []
    for entry in walk(root):
        if isinstance(entry, Rejected):
            problems.append(Problem(entry.path, None, entry.reason))
            continue
        file = TextFile(entry.path, entry.size, entry.mtime_ns, entry.ctime_ns)
        if file.suffix not in PLAIN | RECORDS:
            other[suffix_of(file.path) or "(no suffix)"] += 1
        elif PurePosixPath(file.path).stem.lower() in _ABOUT:
            other["(about the data)"] += 1
        else:
            found.append(file)
    if not found:
        raise _nothing_found(root, other, problems)
    unread = dict(other.most_common())
    return TextFiles(root, tuple(placed(found)), tuple(problems), unread)


def _nothing_found(root: Path, other: Counter[str], problems: list[Problem]) -> DataError:
    set_aside = [(problem.path, problem.reason) for problem in problems[:1]]
    why = why_nothing_found(other, set_aside)
    return DataError(f"There are no texts in '{root}'.", why=why, hint=f"{_READABLE}.")


def placed(files: Sequence[TextFile]) -> list[TextFile]:
    """Files with what their places say about them: the part of the data, and the class.

    If all first-level folders have names such as ``train`` and ``test``, with a training part among
    them, they divide the files; so do the names of files, as in ``train.csv`` and ``test.csv``.
    The folders below (the first-level ones if they do not divide) are classes if there are two or
    more; files beside them have no class, unless there are as many of them as in the folders.
    """
    folders = [PurePosixPath(file.path).parts[:-1] for file in files]
    depth = 0
    sides = [side_of(parts[0]) if parts else None for parts in folders]
    if _divide(sides):
        depth = 1
    else:
        sides = [side_of(_stem(file.path)) for file in files]
        if not _divide(sides):
            sides = [None] * len(files)
    names = [parts[depth] if len(parts) > depth else None for parts in folders]
    inside = sum(name is not None for name in names)
    if len(set(names) - {None}) < 2 or 2 * inside <= len(names):
        names = [None] * len(files)
    return [
        replace(file, label=name and normalize("NFC", name), held_out=side)
        for file, name, side in zip(files, names, sides, strict=True)
    ]


def _divide(sides: Sequence[bool | None]) -> bool:
    """Whether the names of all files are those of parts of the data, with both parts present."""
    return None not in sides and len(set(sides)) == 2


def _stem(path: str) -> str:
    """The name of a file without its suffixes, and without the number of a part of it."""
    name = PurePosixPath(path).name
    return re.split(r"[-_.]?\d+(?:-of-\d+)?$", name[: -len(_suffixes(name))])[0]


def _suffixes(name: str) -> str:
    suffix = suffix_of(name)
    return suffix_of(name[: -len(suffix)]) + suffix if suffix == PACKED else suffix


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """The paragraphs between blank lines, each with the number of its first line, from 1."""
    first, part = 0, list[str]()
    for number, line in lines(text):
        if line.strip():
            first = first or number
            part.append(line)
        elif part:
            yield first, "\n".join(part)
            first, part = 0, []
    if part:
        yield first, "\n".join(part)


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines, each with its number from 1."""
    number, start = 1, 0
    while (stop := text.find("\n", start)) >= 0:
        yield number, text[start:stop]
        number, start = number + 1, stop + 1
    yield number, text[start:]
