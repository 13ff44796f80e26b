"""Reading ``metadata.jsonl``: one JSON object a line, about one file each.

::

    {"file_name": "cats/1.png", "label": "cat", "text": "a cat asleep", "group": "cat-1"}

``file_name`` is needed; the rest may be absent. This is the layout that image folders shared on
data hubs already use. A line that cannot be used is reported with its number and passed over.
"""

from __future__ import annotations

import json
import re
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


class Note(NamedTuple):
    """What a line says about a file."""

    label: str | None
    caption: str | None
    group: str | None


def read_metadata(path: Path) -> tuple[dict[str, Note], list[tuple[int, str]]]:
    """Read the notes of a folder.

    Returns:
        The notes by relative path, and the bad lines as ``(line number from 1, reason)``. The first
        of two lines about the same file wins.
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
    # Nearly all names are plain, and taking one apart by pathlib is most of the work on a line.
    if _ODD_PARTS.isdisjoint(name.split("/")) and not _ODD_LETTERS.search(name):
        return name
    path = PurePosixPath(name)
    absolute = path.is_absolute() or PureWindowsPath(name).drive
    if absolute or ".." in path.parts or "\0" in name or "\\" in name:
        raise ValueError(f"'{name}' is not a path inside the folder")
    return path.as_posix()
