"""Finding text files: a single file, or all files of a folder at any depth."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from sfumato.data.layout import Folders
from sfumato.data.marks import MADE_BY_SFUMATO, is_text_output
from sfumato.data.metadata import SPLITS, Notes
from sfumato.data.selection import Chooser, Selection
from sfumato.data.walk import Rejected, is_metadata, suffix_of, walk, why_nothing_found
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
UNREAD: Mapping[str, str] = MappingProxyType(
    dict.fromkeys((".pdf", ".docx", ".doc", ".odt", ".rtf", ".epub"), "save it as .txt")
    | dict.fromkeys((".html", ".htm", ".xml"), "take its text out and save it as .txt")
    | dict.fromkeys((".xlsx", ".xls", ".ods"), "save it as .csv")
    | dict.fromkeys((".parquet", ".arrow", ".feather"), "write it as .jsonl")
    | dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".bz2", ".xz", ".zst"), "unpack it")
)
"""Files that can hold texts and are not read, by suffix, with what to do about them."""

NOT_UTF8 = (
    "is not UTF-8 text: it is in another encoding, such as UTF-16, or no text at all; name the "
    "encoding with medium.encoding, or save it as UTF-8"
)
"""Why a file of bytes that are not UTF-8 is set aside."""

UNREADABLE = "cannot be read: "
"""First words of a problem that is not the fault of the file."""
_EVERYTHING = Selection()
_USE = "(--settings data.outputs=true uses it as data)"
_NUMBER = re.compile(r"[-_.]?\d+(?:-of-\d+)?$")


def side_of(name: str) -> bool | None:
    """Whether the name of a part of the data holds it out from training; None if it is unknown."""
    return SPLITS.get(name.strip().lower())


class Problem(NamedTuple):
    """Something that was set aside or repaired: its file, line from 1 if any, and reason.

    Records of a ``.json`` file are numbered in place of its lines.
    """

    path: str
    line: int | None
    reason: str


class Form(NamedTuple):
    """That a file is in another form than UTF-8 with commas, such as ``in UTF-16``."""

    words: str


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
    def stats(self) -> tuple[int, int, int, int]:
        """Its size, its times and what its place says, a cheap hint that nothing changed."""
        about = zlib.crc32(repr((self.label, self.held_out)).encode())
        return self.size, self.mtime_ns, self.ctime_ns, about


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


def find_texts(source: Path, selection: Selection = _EVERYTHING) -> TextFiles:
    """Find the texts of a folder, nested to any depth, or accept a single file.

    Hidden files, files about the data (README, LICENSE, ATTRIBUTION and the like) and what Sfumato
    wrote are skipped. Links that are not followed are reported as problems. Folders can be classes
    or parts such as ``train`` and ``test``, see ``data.layout``; so can the names of files, as in
    ``train.csv`` and ``test.csv``; and ``metadata.jsonl`` or ``metadata.csv`` can describe the
    plain texts beside it.

    Args:
        source: A folder or a file.
        selection: Which files of a folder are looked at.

    Raises:
        DataError: The source is missing, or holds no file that can be read.
    """
    source = Path(source).expanduser()
    if source.is_dir():
        return _in_folder(source, selection)
    if not source.is_file():
        raise _no_file(source)
    if readable_suffix(source.name) not in PLAIN | RECORDS:
        hint = UNREAD.get(source.suffix.lower(), "")
        raise DataError(
            f"'{source}' is not a text file that can be read.",
            why=f"its name ends in '{source.suffix}'"
            if source.suffix
            else "its name has no ending",
            hint=f"{hint} first; {_READABLE}."
            if hint
            else f"{_READABLE}; for images and audio, use a folder.",
        )
    status = source.stat()
    found = TextFile(source.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return TextFiles(source.parent, (found,), ())


def _no_file(source: Path) -> DataError:
    if source.exists():
        return DataError(
            f"'{source}' is neither a file nor a folder.",
            why="it is a device or a pipe, which is never opened",
            hint="write its content to a file first.",
        )
    parent = source.parent
    beside = [child.name for child in parent.iterdir()] if parent.is_dir() else []
    return DataError(
        f"There is no file or folder '{source}'.",
        hint=suggest(source.name, beside) if 0 < len(beside) <= 20 else "check the path.",
    )


def _in_folder(root: Path, selection: Selection) -> TextFiles:
    chooser = Chooser(selection)
    problems: list[Problem] = []
    other: Counter[str] = Counter()
    found: list[TextFile] = []
    for entry in walk(root, selection):
        if not chooser.includes(entry.path):
            continue
        if isinstance(entry, Rejected):
            problems.append(Problem(entry.path, None, entry.reason))
            continue
        file = TextFile(entry.path, entry.size, entry.mtime_ns, entry.ctime_ns)
        if file.suffix not in PLAIN | RECORDS:
            other[suffix_of(file.path) or "(no suffix)"] += 1
        elif PurePosixPath(file.path).stem.lower() in _ABOUT:
            other["(about the data)"] += 1
        elif not selection.outputs and is_text_output(root / file.path):
            problems.append(Problem(file.path, None, f"{MADE_BY_SFUMATO} {_USE}"))
        else:
            found.append(file)
    for option, pattern in chooser.unmatched():
        problems.append(Problem(pattern, None, f"no file matches this pattern of --{option}"))
    if not found:
        raise _nothing_found(root, other, problems)
    files, more = _described(root, _placed(found))
    unread = dict(other.most_common())
    return TextFiles(root, tuple(files), (*problems, *more), unread)


def _nothing_found(root: Path, other: Counter[str], problems: list[Problem]) -> DataError:
    set_aside = [Rejected(problem.path, problem.reason) for problem in problems[:1]]
    why = why_nothing_found(other, set_aside)
    hints = [f"{suffix}: {hint}" for suffix, hint in UNREAD.items() if other[suffix]]
    hint = "; ".join([*hints, f"{_READABLE}."])
    return DataError(f"There are no texts in '{root}'.", why=why, hint=hint)


def _placed(files: Sequence[TextFile]) -> list[TextFile]:
    """Files with what their folders and names say about them: the class, and the part."""
    folders = Folders()
    for file in files:
        folders.add(file.path)
    layout = folders.layout()
    sides = [layout.held_out(file.path) for file in files]
    if layout.split_depth is None:
        named = [side_of(_stem(file.path)) for file in files]
        # All files have to say it, so that a text on a test is no test text.
        sides = named if set(named) == {True, False} else sides
    return [
        replace(file, label=layout.label(file.path), held_out=side)
        for file, side in zip(files, sides, strict=True)
    ]


def _stem(path: str) -> str:
    """The name of a file without its suffixes, and without the number of a part of it."""
    name = path.rpartition("/")[2].lower().removesuffix(PACKED)
    return _NUMBER.split(name.rpartition(".")[0])[0]


def _described(root: Path, files: list[TextFile]) -> tuple[list[TextFile], list[Problem]]:
    """Files with what metadata beside them say; metadata that name none of them are texts."""
    about = [file for file in files if is_metadata(file.path)]
    plain = [file for file in files if file.suffix in PLAIN]
    if not about or not plain:
        return files, []
    notes = Notes(root)
    for file in sorted(about, key=lambda file: -file.path.count("/")):
        notes.read(file.path)
    described = []
    for file in plain:
        note = notes.of(file.path)
        notes.find(file.path)
        side = file.held_out if note.held_out is None else note.held_out
        described.append(replace(file, label=note.label or file.label, held_out=side))
    if described == plain:
        return files, []
    missing = notes.missing([file.path for file in plain])
    problems = [Problem(one.path, None, one.reason) for one in (*notes.problems, *missing)]
    others = [file for file in files if file not in about and file.suffix not in PLAIN]
    return sorted([*described, *others], key=lambda file: file.path), problems


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
