"""Reading what a folder's metadata say of its files.

``metadata.jsonl`` holds one JSON object per line, each about one file::

    {"file_name": "cats/1.png", "label": "cat", "text": "a cat asleep", "group": "cat-1"}

``metadata.csv`` holds the same in columns. ``file_name`` is required, relative to the folder of the
metadata; the rest may be absent. Image folders on data hubs use this layout. A line that cannot be
used is reported with its number, and so is a field.
"""

from __future__ import annotations

import math
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sfumato.data.walk import Rejected
from sfumato.reading.lines import lines_of
from sfumato.reading.rows import rows_of_lines, rows_of_table
from sfumato.reading.stream import Stream, Unusable
from sfumato.reading.table import Table

_NAME_FIELDS = ("file_name", "filename", "file", "path", "image", "audio", "file_path")
_LABEL_FIELDS = ("label", "class", "category", "labels")
_CAPTION_FIELDS = ("text", "caption", "prompt", "description")
_GROUP_FIELDS = ("group",)
_SPLIT_FIELDS = ("split",)
NAMED_ONLY = "named in"
"""How the reason begins why a file that does not exist is set aside."""

_SEVERAL = "a list of several labels, of which the first is used"
_LINE_LIMIT = 1 << 20
_SHOWN_COLUMNS = 8
_LONGEST_NAME = 500
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
        caption: A description in words, if it has one.
        group: The name of its group of near-duplicates, if it has one.
        held_out: Whether it is held out from training; None if it is not stated.
        source: The metadata file.
    """

    label: str | None = None
    caption: str | None = None
    group: str | None = None
    held_out: bool | None = None
    source: str = ""


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
        folder = path.rpartition("/")[0]
        splits: Counter[str] = Counter()
        several: list[int] = []
        try:
            for line, fields in _records(self._root / path):
                for problem in self._add(path, folder, fields, splits):
                    if problem == _SEVERAL:
                        several.append(line)
                    else:
                        self.problems.append(Rejected(f"{path}:{line}", problem))
        except OSError as error:
            self.problems.append(Rejected(path, f"cannot be read: {error.strerror}"))
        except Unusable as error:
            self.problems.append(Rejected(path, str(error)))
        else:
            self.files.append(path)
        if several:
            reason = f"{_SEVERAL} ({len(several):,} line{'s' if len(several) > 1 else ''})"
            self.problems.append(Rejected(f"{path}:{several[0]}", reason))
        for name, count in splits.items():
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

    def _add(
        self, path: str, folder: str, fields: dict[str, Any] | str, splits: Counter[str]
    ) -> Iterator[str]:
        """Add one line; yields what cannot be used of it."""
        if isinstance(fields, str):
            yield fields
            return
        try:
            name = self._inside(folder, _name(fields))
        except ValueError as error:
            yield str(error)
            return
        if name in self._notes:
            # A file that another metadata file describes too is no mistake.
            if self._notes[name].source == path:
                yield f"a second line about '{name}'"
            return
        label, why = _label(fields)
        if why:
            yield why
        split, *reasons = _text(fields, _SPLIT_FIELDS)
        caption, no_caption = _text(fields, _CAPTION_FIELDS)
        group, no_group = _text(fields, _GROUP_FIELDS)
        yield from filter(None, [*reasons, no_caption, no_group])
        held_out = None if split is None else SPLITS.get(split.lower())
        if split is not None and held_out is None:
            splits[split] += 1
        self._notes[name] = Note(label, caption, group, held_out, path)
        self._missing.add(name)
        if folder and name.startswith(head := f"{_key(folder)}/"):
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
            raise ValueError(f"'{_readable(name)}' is not a path inside the folder")
        if _readable(path) != path:
            raise ValueError(f"'{_readable(name)}' is not valid Unicode")
        return _key(path)


_NOTHING = Note()


def _places(root: Path) -> Iterator[Path]:
    """The spellings of a root by which absolute names may begin."""
    yield root.absolute()
    yield root.resolve()


def _key(path: str) -> str:
    """A path in composed form, since programs and file systems differ in that."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The fields of every line by name in lower case, or why the line cannot be used.

    Raises:
        OSError: The file cannot be read.
        Unusable: The file is no text.
    """
    is_table = path.suffix.lower() != ".jsonl"
    lines = lines_of(Stream(path, western=is_table), _LINE_LIMIT)
    if is_table:
        table = Table(lines, _LINE_LIMIT, _NAME_FIELDS, tabs=path.suffix.lower() == ".tsv")
        rows = rows_of_table(table, _without_names)
    else:
        rows = rows_of_lines(lines)
    for line, row in rows:
        if isinstance(row, str):
            yield line, row
        else:
            yield line, {name.lower(): value for name, value in row.items()}


def _without_names(header: Sequence[str]) -> str:
    """Why a table with these columns does not describe files; empty if it does."""
    if not {name.lower() for name in header}.isdisjoint(_NAME_FIELDS):
        return ""
    columns = ", ".join(f"'{_readable(name)}'" for name in header[:_SHOWN_COLUMNS])
    return f"has no column 'file_name'; its columns are {columns}"


def _name(fields: Mapping[str, Any]) -> str:
    for field in _NAME_FIELDS:
        value = fields.get(field)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None and value != "":
            raise ValueError(f"'{field}' is not a string")
    raise ValueError("has no 'file_name'")


def _label(fields: Mapping[str, Any]) -> tuple[str | None, str]:
    """The name of the class, and why a part of the field is not used."""
    for field in _LABEL_FIELDS:
        value = fields.get(field)
        if value is None:
            continue
        if not isinstance(value, list):
            label, why = class_name(value)
            return label, f"'{field}' {why}" if why else ""
        if not value:
            continue
        label, why = class_name(value[0])
        if not why and len(value) > 1:
            return label, _SEVERAL
        return label, f"'{field}' {why}" if why else ""
    return None, ""


def class_name(value: object) -> tuple[str | None, str]:
    """The name of a class, from a value of a field.

    A whole number that is stored as a float has the name of the number, so that 1.0 is "1", and
    truth values are "true" and "false". Names are composed (NFC).

    Returns:
        The name, or None if the value is empty, and why the value cannot be used.
    """
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, float):
        if not math.isfinite(value):
            # Programs write NaN for an empty cell.
            return None, "" if math.isnan(value) else "is infinite, which is no name of a class"
        return str(int(value)) if value.is_integer() else repr(value), ""
    if not isinstance(value, str | int):
        return None, f"is {_kind(value)}, which is no name of a class"
    name = str(value).strip()
    if len(name) > _LONGEST_NAME:
        return None, f"has {len(name):,} characters, which is no name of a class"
    if _readable(name) != name:
        return None, "is not valid Unicode, so the label is not used"
    return unicodedata.normalize("NFC", name) or None, ""


def _kind(value: object) -> str:
    return "an object" if isinstance(value, dict) else "a list of lists"


def _text(fields: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str | None, str]:
    """The first of some fields that holds text or a number; of a list the first member.

    Returns:
        The text, or None if there is none, and why a field cannot be used.
    """
    why = ""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        text: str | None = None
        if isinstance(value, str):
            text = _readable(value).strip()
        elif isinstance(value, int | float):
            text, _ = class_name(value)
        elif value is not None:
            why = f"'{name}' is {_kind(value)} and is not used"
        if text:
            return text, ""
    return None, why


def _readable(text: str) -> str:
    """A text without lone surrogates, which cannot be stored."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
