"""Reading what a folder's metadata say of its files.

``metadata.jsonl`` holds one JSON object per line, each about one file::

    {"file_name": "cats/1.png", "label": "cat", "text": "a cat asleep", "group": "cat-1"}

``metadata.csv`` holds the same in columns. ``file_name`` is required, relative to the folder of the
metadata; the rest may be absent. Image folders on data hubs use this layout. A list of texts holds
variants of a caption. All other columns become further fields. A line that cannot be used is
reported with its number, and so is a field.
"""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sfumato.data.columns import Columns, Tally, column_name
from sfumato.data.fields import (
    GROUP_FIELDS,
    NAME_FIELDS,
    SPLIT_FIELDS,
    caption_of,
    label_of,
    name_of,
    readable,
    text_of,
)
from sfumato.data.walk import Rejected
from sfumato.reading.lines import lines_of
from sfumato.reading.rows import rows_of_lines, rows_of_table
from sfumato.reading.stream import Stream, Unusable
from sfumato.reading.table import Table

NAMED_ONLY = "named in"
"""How the reason begins why a file that does not exist is set aside."""

_LINE_LIMIT = 1 << 20
_SHOWN_COLUMNS = 8
_DRIVE = re.compile(r"[A-Za-z]:/|//")

SPLITS: Mapping[str, bool] = {
    **dict.fromkeys(("train", "training"), False),
    **dict.fromkeys(
        ("test", "testing", "validation", "valid", "val", "dev", "eval", "evaluation"), True
    ),
    **dict.fromkeys(("held_out", "held-out", "heldout"), True),
}
"""Names of the parts of a data set, in lower case; True for those that are held out."""

_HELD_OUT = "test, validation, valid, val, dev, eval, held_out"


class Note(NamedTuple):
    """The metadata of one file.

    Attributes:
        label: The name of its class, if it has one.
        caption: A description in words, if it has one; each line is a variant.
        group: The name of its group of near-duplicates, if it has one.
        held_out: Whether it is held out from training; None if it is not stated.
        source: The metadata file.
        hashed: The caption as the fingerprint of an index has it, its first variant with all of its
            white space; empty if it is the caption.
        packed: The further fields in JSON, which takes less memory than a mapping; empty without.
    """

    label: str | None = None
    caption: str | None = None
    group: str | None = None
    held_out: bool | None = None
    source: str = ""
    hashed: str | None = ""
    packed: str = ""

    @property
    def fields(self) -> dict[str, str | float] | None:
        """The further fields by name in lower case; None without any."""
        return json.loads(self.packed) if self.packed else None


class Notes:
    """The metadata of a folder and its subfolders.

    Args:
        root: The folder.

    Attributes:
        files: The metadata files that were read, relative to the folder.
        problems: Lines and fields that cannot be used.
        labelled: Whether any file that was found has a label.
    """

    def __init__(self, root: Path) -> None:
        self.files: list[str] = []
        self.problems: list[Rejected] = []
        self.labelled = False
        self._root = root
        self._heads = tuple({f"{place.as_posix().rstrip('/')}/" for place in _places(root)})
        self._notes: dict[str, Note] = {}
        self._missing: set[str] = set()
        # Some write names relative to the root into the metadata of a subfolder.
        self._from_root: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._notes)

    def read(self, path: str) -> None:
        """Add the notes of a metadata file; what earlier files say takes precedence.

        Args:
            path: The file, relative to the folder; its suffix says whether it is JSON or CSV.
        """
        file = _File(path)
        try:
            for line, fields in _records(self._root / path, file.columns):
                for problem in self._add(file, line, fields):
                    self.problems.append(Rejected(f"{path}:{line}", problem))
        except OSError as error:
            self.problems.append(Rejected(path, f"cannot be read: {error.strerror}"))
        except Unusable as error:
            self.problems.append(Rejected(path, str(error)))
        else:
            self.files.append(path)
        self.problems += file.tally.problems(path)
        self.problems += file.columns.problems(path)
        for name, count in file.splits.items():
            files = f"{count:,} file{'s' if count > 1 else ''}"
            reason = f"the split '{name}' of {files} is unknown ({_HELD_OUT} are held out)"
            self.problems.append(Rejected(path, reason))

    def of(self, path: str) -> Note:
        """The note about a file."""
        return self._notes.get(_key(path), _NOTHING)

    def find(self, path: str) -> None:
        """Note that there is a file of this path."""
        key = _key(path)
        self._missing.discard(key)
        note = self._notes.get(key)
        self.labelled |= note is not None and note.label is not None

    def missing(self, paths: Sequence[str]) -> Iterator[Rejected]:
        """The files that the metadata name and that were not found.

        Args:
            paths: All files. They are only looked at if some are missing: a name may be meant from
                the root, or differ in case.
        """
        if not self._missing:
            return
        for path in paths:
            named = self._from_root.get(_key(path))
            if named in self._missing and _key(path) not in self._notes:
                self._notes[_key(path)] = self._notes[named]
                self._missing.discard(named)
                self.find(path)
        wanted = {name.casefold(): name for name in self._missing}
        similar = {wanted[path.casefold()]: path for path in paths if path.casefold() in wanted}
        longer = {_key(path.rpartition(".")[0]): path for path in paths}
        for name in sorted(self._missing):
            hint = ""
            if name in similar:
                hint = f"; '{similar[name]}' differs in case"
            elif name in longer:
                hint = f"; '{longer[name]}' has a suffix, which belongs to the name"
            source = self._notes[name].source
            yield Rejected(name, f"{NAMED_ONLY} {source} but not found{hint}")

    def _add(self, file: _File, line: int, fields: dict[str, Any] | str) -> Iterator[str]:
        """Add one line; yields what cannot be used of it."""
        if isinstance(fields, str):
            yield fields
            return
        try:
            named = name_of(fields)
            name = self._inside(file.folder, named.name)
        except ValueError as error:
            yield str(error)
            return
        if name in self._notes:
            # A file that another metadata file describes too is no mistake.
            if self._notes[name].source == file.path:
                yield f"a second line about '{name}'"
            return
        label, caption = label_of(fields), caption_of(fields)
        split, no_split = text_of(fields, SPLIT_FIELDS)
        group, no_group = text_of(fields, GROUP_FIELDS)
        yield from filter(None, [label.problem, no_split, caption.problem, no_group])
        for problem in filter(None, [label.usual, *caption.usual]):
            file.tally.add(line, problem)
        held_out = None if split is None else SPLITS.get(split.lower())
        if split is not None and held_out is None:
            file.splits[split] += 1
        # What is wrong with a label is not reported twice.
        unusable = label.field if label.problem else ""
        but = {named.field, caption.field, unusable, *SPLIT_FIELDS, *GROUP_FIELDS}
        more = file.columns.fields(line, fields, but)
        self._notes[name] = Note(
            label.name,
            caption.text,
            group,
            held_out,
            file.path,
            "" if caption.first == caption.text else caption.first,
            json.dumps(more, ensure_ascii=False) if more else "",
        )
        self._missing.add(name)
        if file.folder and name.startswith(head := f"{_key(file.folder)}/"):
            self._from_root[name.removeprefix(head)] = name

    def _inside(self, folder: str, name: str) -> str:
        """The key of a file named in the metadata of a folder.

        Raises:
            ValueError: The name leads out of the root, or is not a path.
        """
        plain = name.replace("\\", "/")
        head = next((head for head in self._heads if plain.startswith(head)), None)
        if head is not None:
            folder, plain = "", plain[len(head) :]
        path = posixpath.normpath(posixpath.join(folder, plain))
        outside = path.startswith(("/", "../")) or path in (".", "..")
        if outside or _DRIVE.match(plain) or "\0" in plain:
            raise ValueError(f"'{readable(name)}' is not a path inside the folder")
        if readable(path) != path:
            raise ValueError(f"'{readable(name)}' is not valid Unicode")
        return _key(path)


class _File:
    """A metadata file while it is read.

    Args:
        path: The file, relative to the root.

    Attributes:
        folder: Its folder.
        splits: Number of lines of each split that is unknown.
        tally: Problems that many lines have.
        columns: Its further columns.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder = path.rpartition("/")[0]
        self.splits: Counter[str] = Counter()
        self.tally = Tally()
        self.columns = Columns(self.tally)


_NOTHING = Note()


def _places(root: Path) -> Iterator[Path]:
    """The spellings of a root by which absolute names may begin."""
    yield root.absolute()
    yield root.resolve()


def _key(path: str) -> str:
    """A path in composed form, since programs and file systems differ in that."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _records(path: Path, columns: Columns) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The fields of every line by the names of columns, or why the line cannot be used.

    Raises:
        OSError: The file cannot be read.
        Unusable: The file is no text.
    """
    is_table = path.suffix.lower() != ".jsonl"
    lines = lines_of(Stream(path, western=is_table), _LINE_LIMIT)
    if is_table:
        table = Table(lines, _LINE_LIMIT, NAME_FIELDS, tabs=path.suffix.lower() == ".tsv")
        rows = rows_of_table(table, partial(_refusal, columns))
    else:
        rows = rows_of_lines(lines)
    for line, row in rows:
        if isinstance(row, str):
            yield line, row
        else:
            fields = {column_name(name): value for name, value in row.items()}
            if len(fields) < len(row) and not is_table:
                columns.add_names(line, row)
            yield line, fields


def _refusal(columns: Columns, header: Sequence[str]) -> str:
    """Why a table with these columns does not describe files; empty if it does."""
    columns.add_header(header)
    if not {name.lower() for name in header}.isdisjoint(NAME_FIELDS):
        return ""
    shown = ", ".join(f"'{readable(name)}'" for name in header[:_SHOWN_COLUMNS])
    return f"has no column 'file_name'; its columns are {shown}"
