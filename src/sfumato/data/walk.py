"""Listing the files of a folder of any kind, and reading their metadata.

Files are listed in order, with one folder in memory at a time. ``metadata.jsonl`` holds one JSON
object per line, each about one file::

    {"file_name": "cats/1.png", "label": "cat", "text": "a cat asleep", "group": "cat-1"}

``file_name`` is required; the rest may be absent. Image folders on data hubs already use this
layout. A line that cannot be used is reported with its number and skipped.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

METADATA = "metadata.jsonl"

_NAME_FIELDS = ("file_name", "file", "path")
_LABEL_FIELDS = ("label", "class", "category")
_CAPTION_FIELDS = ("text", "caption", "prompt", "description")
_GROUP_FIELDS = ("group",)
_LINE_LIMIT = 1 << 20
_ODD_PARTS = frozenset({"", ".", ".."})
_ODD_LETTERS = re.compile(r"[\\:\0]")


class Found(NamedTuple):
    """A file.

    Attributes:
        path: Path relative to the root, with ``/`` as separator.
        size: Size in bytes.
        mtime_ns: Time of the last change of the content; programs can set it.
        ctime_ns: Time of the last change of the file or of its status.
        texts: The names in its folder that end in ``.txt``, without links.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    texts: Set[str]


class Rejected(NamedTuple):
    """A file (or a line of ``metadata.jsonl``) that was set aside, and why."""

    path: str
    reason: str


def walk(root: Path) -> Iterator[Found | Rejected]:
    """List the files of a folder, nested to any depth, sorted by path.

    Hidden files and folders are skipped. Links to folders and links that leave the root are set
    aside with a reason.
    """
    place, real_root = f"{root}/", root.resolve()
    open_folders = [_listed(place, real_root, "")]
    while open_folders:
        found = next(open_folders[-1], None)
        if found is None:
            open_folders.pop()
        elif isinstance(found, str):
            open_folders.append(_listed(place, real_root, found))
        else:
            yield found


def suffix_of(path: str) -> str:
    """The suffix of a path in lower case; ten times as fast as ``PurePath``."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def _listed(place: str, real_root: Path, folder: str) -> Iterator[Found | Rejected | str]:
    """The entries of one folder; a subfolder is yielded as its path with a slash at the end.

    The slash also sorts the names in the order of the whole paths.
    """
    try:
        names, links = _names(place + folder)
    except OSError as error:
        yield Rejected(_shown(error.filename), f"cannot be listed: {error.strerror}")
        return
    texts = {name for name in names if name.endswith(".txt")} - links
    for name in names:
        path = folder + name
        if reason := _refusal(name, place + path, name in links, real_root):
            yield Rejected(_shown(path.removesuffix("/")), reason)
        elif name.endswith("/"):
            yield path
        else:
            yield from _checked(place, path, texts)


def _names(folder: str) -> tuple[list[str], set[str]]:
    """The sorted names in a folder, and those that are links."""
    names: list[str] = []
    links: set[str] = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                links.add(entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            names.append(f"{entry.name}/" if is_folder else entry.name)
    names.sort()
    return names, links


def _checked(place: str, path: str, texts: Set[str]) -> Iterator[Found | Rejected]:
    try:
        status = os.stat(place + path)  # noqa: PTH116  # A Path takes longer than the system.
    except OSError as error:  # The file was removed meanwhile.
        yield Rejected(path, f"cannot be read: {error.strerror}")
        return
    if stat.S_ISREG(status.st_mode):
        times = status.st_mtime_ns, status.st_ctime_ns
        yield Found(path, status.st_size, *times, texts)


def _refusal(name: str, place: str, is_link: bool, real_root: Path) -> str:
    if not name.isascii() and _shown(name) != name:
        return "the name is not valid UTF-8"
    if not is_link:
        return ""
    path = Path(place)
    try:
        if not path.exists():
            return "a link to nothing"
        if not path.resolve().is_relative_to(real_root):
            return "a link that leaves the folder"
        return "a link to a folder" if path.is_dir() else ""
    except OSError as error:  # For example a link into a folder without permission.
        return f"a link that cannot be followed: {error.strerror}"


def _shown(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()


class Note(NamedTuple):
    """The metadata of one file."""

    label: str | None
    caption: str | None
    group: str | None


def read_metadata(path: Path) -> tuple[dict[str, Note], list[tuple[int, str]]]:
    """Read ``metadata.jsonl``.

    Returns:
        The metadata by relative path, and the bad lines as ``(line number from 1, reason)``. The
        first of two lines about the same file is used.
    """
    notes: dict[str, Note] = {}
    bad: list[tuple[int, str]] = []
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LINE_LIMIT):
            number += 1
            if not line.strip():
                continue
            try:
                name, note = _parse(line)
                if name in notes:
                    raise ValueError(f"a second line about '{name}'")
                notes[name] = note
            except ValueError as error:
                bad.append((number, str(error)))
    return notes, bad


def _parse(line: bytes) -> tuple[str, Note]:
    try:
        fields = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    name = _text(fields, _NAME_FIELDS)
    if name is None:
        raise ValueError("has no 'file_name'")
    label, caption, group = (
        _text(fields, names) for names in (_LABEL_FIELDS, _CAPTION_FIELDS, _GROUP_FIELDS)
    )
    return _inside(name), Note(label, caption, group)


def _text(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError(f"'{name}' is not a string")
        return str(value).strip() or None
    return None


def _inside(name: str) -> str:
    # Nearly all names are plain, and parsing a name with pathlib is most of the work on a line.
    if _ODD_PARTS.isdisjoint(name.split("/")) and not _ODD_LETTERS.search(name):
        return name
    path = PurePosixPath(name)
    absolute = path.is_absolute() or PureWindowsPath(name).drive
    if absolute or ".." in path.parts or "\0" in name or "\\" in name:
        raise ValueError(f"'{name}' is not a path inside the folder")
    return path.as_posix()


def why_nothing_found(other: Counter[str], rejected: Sequence[tuple[str, str]]) -> str:
    """Why a folder holds no usable file.

    Args:
        other: Number of files by suffix that are of other kinds.
        rejected: Path and reason of each file that was set aside.
    """
    if other:
        counts = ", ".join(f"{count} x {suffix}" for suffix, count in other.most_common(5))
        return f"it holds other files: {counts}"
    if rejected:
        path, reason = rejected[0]
        return f"everything in it was set aside: {path}: {reason}"
    return "the folder is empty"
