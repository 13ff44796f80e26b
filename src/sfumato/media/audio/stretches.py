"""Long files as many items: one for each stretch that is cut from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sfumato.errors import DataError
from sfumato.media.audio.reader import ClipReader
from sfumato.media.data.index import Index
from sfumato.media.data.items import Item, Items


def divided(index: Index, reader: ClipReader) -> Index:
    """An index with an item per stretch, where files are cut into all of theirs.

    The stretches of a file share a group, so that none is held out while another is trained on. A
    file whose header cannot be read stays one item, and is set aside when it is read.

    Raises:
        MissingExtra: soundfile is not installed.
    """
    if reader.settings.cut != "all":
        return index
    parts = (part for item in index.items for part in _parts(index, item, reader))
    return replace(index, items=Items.of(parts))


def _parts(index: Index, item: Item, reader: ClipReader) -> Iterator[Item]:
    try:
        count = reader.parts(index.file(item))
    except DataError:
        count = 1
    for part in range(count):
        yield replace(item, part=part, group=item.group or item.path)
