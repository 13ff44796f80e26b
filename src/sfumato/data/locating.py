"""The items at a place that a user names: a file, or all files of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from sfumato.data.index import FileKind, Index, scan
from sfumato.data.items import Item
from sfumato.data.selection import Selection
from sfumato.errors import DataError


class Located(NamedTuple):
    """The place of an item that has not been read yet.

    Attributes:
        name: Name for messages: the path as the user wrote it, and the part of the file.
        path: Path of the file.
        part: Number of the part of the file, from 0.
    """

    name: str
    path: Path
    part: int


def locate(
    place: Path, kind: FileKind, divided: Callable[[Index], Index]
) -> Iterator[Located | tuple[str, str]]:
    """The items of a file or folder, and the names and reasons of files that are set aside.

    Samples that Sfumato made are items too.

    Args:
        place: A file or a folder.
        kind: The files to look for.
        divided: Makes an index with one item for each part of a file.

    Raises:
        DataError: There are no items.
    """
    if place.is_dir():
        index = scan(place, kind, Selection(outputs=True))
        yield from ((str(place / path), reason) for path, reason in index.rejected)
    elif place.is_file():
        index = Index(place.parent, (Item(place.name),), (), "", "")
    elif place.exists():
        raise DataError(
            f"'{place}' is neither a file nor a folder.",
            why="it is a device or a pipe, which is never opened",
        )
    else:
        raise DataError(f"There is no file or folder '{place}'.", hint="check the path.")
    index = divided(index)
    for item in index.items:
        yield Located(str(index.root / item.name), index.file(item), item.part)
