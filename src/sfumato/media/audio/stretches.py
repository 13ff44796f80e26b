"""Long files as many items: one for each stretch that is cut from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sfumato.errors import DataError
from sfumato.media.audio.reader import ClipReader
from sfumato.media.data.index import Index
from sfumato.media.data.items import Items


def divided(index: Index, reader: ClipReader) -> Index:
    """An index with an item per stretch, where files are cut into all of theirs.

    The stretches of a file share a group, so that none is held out while another is trained on. A
    file whose header cannot be read stays one item, and is set aside when it is read.

    Raises:
        MissingExtra: soundfile is not installed.
    """
    if reader.settings.cut != "all":
        return index
    counts = [_parts(index.file(item), reader) for item in index.items]
    items = Items.of(
        replace(item, part=part, group=item.group or item.path)
        for item, count in zip(index.items, counts, strict=True)
        for part in range(count)
    )
    # A file that was named by itself has no stats.
    stats = np.repeat(index.stats, counts, axis=0) if len(index.stats) else index.stats
    return replace(index, items=items, stats=stats)


def _parts(path: Path, reader: ClipReader) -> int:
    try:
        return reader.parts(path)
    except DataError:
        return 1
