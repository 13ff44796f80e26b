"""How many items of a folder have a caption or a label, by which a recipe is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sfumato.data.index import FileKind, scan
from sfumato.data.selection import Selection

_EVERYTHING = Selection()


class Survey(NamedTuple):
    """Numbers of items.

    Attributes:
        items: All items.
        captioned: Those with a caption.
        labelled: Those with a label, by metadata or by folders.
    """

    items: int
    captioned: int
    labelled: int


def survey(root: Path, kind: FileKind, selection: Selection = _EVERYTHING) -> Survey:
    """Count the items of a folder; none of them is opened.

    Metadata and captions are read, as :func:`~sfumato.data.index.scan` does.

    Args:
        root: The folder.
        kind: The files that are items.
        selection: Which of them are looked at.

    Raises:
        DataError: The folder is missing or holds no items.
    """
    index = scan(root, kind, selection)
    captioned = labelled = 0
    for item in index.items:
        captioned += item.caption is not None
        labelled += item.label is not None
    return Survey(len(index), captioned, labelled)
