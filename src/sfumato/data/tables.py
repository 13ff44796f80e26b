"""Tables as other programs write them: the encoding of a text file, and the delimiter of a CSV.

Excel writes CSV in Windows-1252 or in UTF-8 with a byte order mark, "Unicode text" in UTF-16, and
separates cells by the list separator of the country: a comma, a semicolon or a tab.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

_START = 1 << 16
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # UTF-32 first: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"
_STATED = "sep="
_RARE = 0.2
_FREQUENT = 0.4


def encoding_of_start(start: bytes) -> str | None:
    """The encoding that the first bytes of a file state, or that their zero bytes give away.

    Args:
        start: The first bytes of a file; a few hundred suffice.

    Returns:
        A name for ``bytes.decode`` and ``open``, which skips a byte order mark; None if the bytes
        have neither a mark nor the zero bytes of UTF-16.
    """
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    # Most letters of most texts in UTF-16 have a zero byte, always on the same side.
    pairs = len(start) // 2
    if pairs:
        even, odd = start[0 : 2 * pairs : 2].count(0), start[1 : 2 * pairs : 2].count(0)
        if odd > _FREQUENT * pairs and even < _RARE * pairs:
            return "utf-16-le"
        if even > _FREQUENT * pairs and odd < _RARE * pairs:
            return "utf-16-be"
    return None


def encoding_of(path: Path) -> str:
    """The encoding of a text file: by its start, else UTF-8 if the whole file is, else cp1252.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_START)
        if found := encoding_of_start(start):
            return found
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while start:
                decoder.decode(start)
                start = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def delimiter_of(header: str) -> str:
    """The delimiter of a CSV file by its first line: a comma, semicolon, tab or vertical bar.

    The most frequent one outside quotes, the comma if there is none. Excel may state it in a line
    ``sep=;`` of its own, which is not a header.
    """
    if header.lower().startswith(_STATED) and header.strip()[len(_STATED) :]:
        return header[len(_STATED)]
    outside = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def states_delimiter(line: str) -> bool:
    """Whether a first line states the delimiter, as Excel may write it, and is not a header."""
    return line.lower().startswith(_STATED) and len(line.strip()) <= len(_STATED) + 1


def read_table(path: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Read a CSV file of any common delimiter and encoding.

    Yields:
        The number of the line on which a record ends, from 1, and its cells by the name of their
        column, or the reason why it cannot be used. Empty lines are skipped.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open(encoding=encoding_of(path), errors="replace", newline="") as file:
        first = file.readline(_START)
        delimiter = delimiter_of(first)
        skipped = int(states_delimiter(first))
        lines = _lines(file) if skipped else chain([first], _lines(file))
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        header: list[str] | None = None
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield skipped + reader.line_num, f"not CSV: {error}"
                continue
            number = skipped + reader.line_num
            if not any(cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
            elif len(cells) > len(header):
                yield number, f"has {len(cells)} cells, and the header {len(header)}"
            else:
                # Programs leave empty cells at the end of a line out.
                yield number, dict(zip(header, cells, strict=False))


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file; one that is too long comes in pieces, so that none fills the memory."""
    while line := file.readline(_CHUNK):
        yield line
