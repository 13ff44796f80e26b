"""Finding text files: a single file, or all files of a folder at any depth."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sfumato.data.walk import Rejected, suffix_of, walk, why_nothing_found
from sfumato.errors import DataError, suggest

PLAIN = frozenset({".txt", ".md"})
RECORDS = frozenset({".jsonl", ".csv"})
# Files about the data, which are not texts themselves.
_ABOUT = frozenset(
    {"attribution", "changelog", "citation", "copying", "licence", "license", "notice", "readme"}
)
_READABLE = f"files that can be read: {' '.join(sorted(PLAIN | RECORDS))}"
UNREADABLE = "cannot be read: "
"""First words of a problem that is not the fault of the file."""
_PACKED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar"})


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
        label: Its first-level folder, if the folders are classes.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    label: str | None = None

    @property
    def suffix(self) -> str:
        """The suffix of its name, in lower case."""
        return suffix_of(self.path)

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
    """

    root: Path
    files: tuple[TextFile, ...]
    problems: tuple[Problem, ...]

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


def find_texts(source: Path) -> TextFiles:
    """Find the texts of a folder, nested to any depth, or accept a single file.

    Hidden files, and files about the data (README, LICENSE, ATTRIBUTION and the like), are skipped.
    Links to folders and links that leave the folder are reported as problems. If every file lies in
    a first-level folder, and there are two or more of those, they are classes.

    Raises:
        DataError: The source is missing, or holds no file that can be read.
    """
    source = Path(source).expanduser()
    if source.is_dir():
        return _in_folder(source)
    if not source.is_file():
        raise _missing(source)
    if source.suffix.lower() not in PLAIN | RECORDS:
        packed = source.suffix.lower() in _PACKED
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
            other[file.suffix or "(no suffix)"] += 1
        elif PurePosixPath(file.path).stem.lower() in _ABOUT:
            other["(about the data)"] += 1
        else:
            found.append(file)
    if not found:
        raise _nothing_found(root, other, problems)
    return TextFiles(root, tuple(_labelled_by_folder(found)), tuple(problems))


def _nothing_found(root: Path, other: Counter[str], problems: list[Problem]) -> DataError:
    set_aside = [(problem.path, problem.reason) for problem in problems[:1]]
    why = why_nothing_found(other, set_aside)
    return DataError(f"There are no texts in '{root}'.", why=why, hint=f"{_READABLE}.")


def _labelled_by_folder(files: list[TextFile]) -> list[TextFile]:
    folders = [PurePosixPath(file.path).parts for file in files]
    if any(len(parts) < 2 for parts in folders) or len({parts[0] for parts in folders}) < 2:
        return files
    return [replace(file, label=parts[0]) for file, parts in zip(files, folders, strict=True)]


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
