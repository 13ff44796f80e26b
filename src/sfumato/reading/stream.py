"""The bytes of a file in UTF-8, unpacked, in chunks."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sfumato.reading.encoding import AUTO, Look, look, with_order, without_mark

PACKED = ".gz"
"""The suffix of files that are unpacked while they are read."""

_CHUNK = 1 << 16
# Texts shrink by 3 to 20 times, and records with many equal fields by 100.
_MOST_UNPACKED = 250
_ALWAYS_UNPACKED = 64 << 20
POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS left in the place of another one."""

REPLACEMENT = "\ufffd"
"""What stands for bytes that are no text."""


class Unusable(ValueError):
    """A file that cannot be read as text; the message is the reason."""


class Stream:
    """The content of a file as chunks of UTF-8 without a byte order mark.

    Args:
        path: The file; it is unpacked if its name ends in ``.gz``.
        encoding: Its encoding; ``auto`` finds it by a look at the whole file.
        western: Whether it can be found to be in Windows-1252.

    Attributes:
        read: Number of bytes of the file that have been read so far.
        notes: What was repaired or assumed, in sentences without a subject.
        look: What the look at the whole file showed; None with a given encoding.
        forms: How the file differs from plain UTF-8, such as ``in UTF-16``.
    """

    def __init__(self, path: Path, encoding: str = AUTO, western: bool = False) -> None:
        self.read = 0
        self.notes: list[str] = []
        self.look: Look | None = None
        self._path = path
        self._encoding = encoding
        if encoding == AUTO:
            self.look = look(self._raw(None), western)
            self._encoding = self.look.encoding
            self._note()
        packed = path.name.lower().endswith(PACKED)
        self.forms = [f"in {_name(self._encoding)}"] if self._encoding != "utf-8" else []
        self.forms += ["packed"] if packed else []

    def __iter__(self) -> Iterator[bytes]:
        """The chunks.

        Raises:
            OSError: The file cannot be read.
            Unusable: It unpacks to far more than its size.
        """
        decoder, replaced = None, 0
        for number, chunk in enumerate(self._raw(self.notes)):
            data = chunk
            if number == 0:
                encoding = with_order(self._encoding, chunk)
                data = without_mark(chunk, encoding)
                if encoding != "utf-8":
                    decoder = codecs.getincrementaldecoder(encoding)("replace")
            if decoder is not None:
                text = decoder.decode(data)
                replaced += text.count(REPLACEMENT)
                data = text.encode()
            if data:
                yield data
        if decoder is not None and (text := decoder.decode(b"", final=True)):
            replaced += text.count(REPLACEMENT)
            yield text.encode()
        if replaced:
            places = f"{replaced} places are" if replaced > 1 else "1 place is"
            self.notes.append(f"{places} not {self._encoding}, and became U+FFFD")

    def _note(self) -> None:
        found = self.look
        if found is None or found.marked:
            return
        if found.encoding == "cp1252":
            self.notes.append(
                "is not UTF-8: it was read as Windows-1252; if that is wrong, name its encoding "
                "with medium.encoding"
            )
        elif found.encoding != "utf-8":
            name = _name(found.encoding)
            self.notes.append(f"has no byte order mark: it was read as {name}")

    def _raw(self, notes: list[str] | None) -> Iterator[bytes]:
        """The chunks as they are, unpacked.

        Args:
            notes: Where damage is noted; None if the file is read again.
        """
        with self._path.open("rb") as file:
            packed = self._path.name.lower().endswith(PACKED)
            chunks = _unpacked(file, notes) if packed else _chunks(file)
            for number, chunk in enumerate(chunks):
                if number == 0 and chunk.startswith(POINTER):
                    raise Unusable("is a pointer of Git LFS, not the file; run: git lfs pull")
                self.read = file.tell()
                yield chunk


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _unpacked(file: BinaryIO, notes: list[str] | None) -> Iterator[bytes]:
    total = 0
    with gzip.GzipFile(fileobj=file) as packed:
        while True:
            try:
                # One read of the file at a time, so that what comes before damage is kept.
                chunk = packed.read1(_CHUNK)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                if total == 0:
                    is_other = isinstance(error, gzip.BadGzipFile)
                    why = "it was not packed by gzip" if is_other else str(error)
                    raise Unusable(f"is not a whole .gz file: {why}") from error
                if notes is not None:
                    notes.append(f"is damaged after {total:,} unpacked bytes: {error}")
                return
            if not chunk:
                return
            total += len(chunk)
            if total > max(_ALWAYS_UNPACKED, _MOST_UNPACKED * file.tell()):
                raise Unusable(
                    f"unpacks to more than {_MOST_UNPACKED} times its size; if that is right, "
                    "unpack it first"
                )
            yield chunk


def _name(encoding: str) -> str:
    """The name of an encoding in a sentence."""
    if encoding == "cp1252":
        return "Windows-1252"
    return encoding.upper().removesuffix("-LE").removesuffix("-BE")
