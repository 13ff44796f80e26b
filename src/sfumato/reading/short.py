"""The text of a short file as a whole, whatever its encoding."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import NamedTuple

from sfumato.reading.encoding import look, without_mark
from sfumato.reading.stream import POINTER, REPLACEMENT, Unusable


class Short(NamedTuple):
    """The text of a short file.

    Attributes:
        text: The text.
        encoding: The encoding that was found.
        replaced: Number of places that are no text and became U+FFFD.
        is_cut: Whether there is more in the file.
    """

    text: str
    encoding: str
    replaced: int
    is_cut: bool


def read_short(path: Path, limit: int) -> Short:
    """Read the first bytes of a file as text.

    Args:
        path: The file, which may be in UTF-8, UTF-16, UTF-32 or Windows-1252.
        limit: The largest number of bytes that are used.

    Raises:
        OSError: The file cannot be read.
        Unusable: It is no text.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    is_cut = len(data) > limit
    data = data[:limit]
    if data.startswith(POINTER):
        raise Unusable("is a pointer of Git LFS, not the file; run: git lfs pull")
    found = look([data], western=True)
    if not found.is_text:
        raise Unusable("is no text")
    # A character that the limit cuts in two is no damage.
    decoder = codecs.getincrementaldecoder(found.encoding)("replace")
    text = decoder.decode(without_mark(data, found.encoding), final=not is_cut)
    is_damaged = found.encoding != "utf-8" or found.invalid > 0
    replaced = text.count(REPLACEMENT) if is_damaged else 0
    return Short(text, found.encoding, replaced, is_cut)
