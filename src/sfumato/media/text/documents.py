"""Reading the documents of a file or a folder one after the other.

Plain files are decoded in chunks, and bytes that are not UTF-8 are reported with their places.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sfumato.data.selection import Selection
from sfumato.media.text.files import (
    NOT_UTF8,
    PLAIN,
    UNREADABLE,
    Form,
    Problem,
    TextFile,
    TextFiles,
    find_texts,
    lines,
    paragraphs,
)
from sfumato.media.text.records import Record, read_records
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokenizer import REPLACEMENT
from sfumato.reading.encoding import AUTO
from sfumato.reading.stream import Stream, Unusable

__all__ = ["Document", "Problem", "documents_in", "documents_of", "read_documents", "read_plain"]

_LARGEST = 1 << 30
_NAMED_LINES = 20
_EVERYTHING = Selection()
_TOO_LARGE = (
    "is larger than 1 GiB, the limit for one document; divide it, or write its documents as lines "
    "of a .jsonl file"
)


@dataclass(frozen=True, slots=True)
class Document:
    """One document.

    Attributes:
        text: The text, which is not empty.
        name: The path of its file relative to the folder; with ``:LINE`` for a part of a file.
        label: The name of its class, if it has one.
        held_out: Whether its record holds it out from training; None if the record does not state
            it.
        read: Number of bytes of the source that have been read so far.
    """

    text: str
    name: str
    label: str | None = None
    held_out: bool | None = None
    read: int = 0


def read_documents(
    source: Path, settings: TextSettings, selection: Selection = _EVERYTHING
) -> Iterator[Document | Problem | Form]:
    """Read the documents of a text file or a folder.

    ``.txt`` and ``.md`` files hold one document each, or as many as ``settings.split`` makes of
    them. Files of records hold one in every record: its text, and perhaps its label and its
    ``split`` (train, or test, validation, eval and the like).

    Yields:
        Documents, problems (what was set aside or repaired), and the forms of files.

    Raises:
        DataError: The source is missing, or holds no texts.
    """
    return documents_of(find_texts(source, selection), settings)


def documents_of(texts: TextFiles, settings: TextSettings) -> Iterator[Document | Problem | Form]:
    """Like :func:`read_documents`, for files that were already found."""
    yield from texts.problems
    before = 0
    for file in texts.files:
        yield from documents_in(texts.root, file, settings, before)
        before += file.size


def documents_in(
    root: Path, file: TextFile, settings: TextSettings, before: int = 0
) -> Iterator[Document | Problem | Form]:
    """The documents of one file.

    Args:
        root: The folder.
        file: One of its files.
        settings: How to read it.
        before: Number of bytes of other files that have been read.

    One bad file is a problem, and never stops a folder.
    """
    if file.suffix in PLAIN:
        yield from _plain(root, file, settings, before + file.size)
    else:
        yield from _records(root, file, settings, before)


def _plain(
    root: Path, file: TextFile, settings: TextSettings, read: int
) -> Iterator[Document | Problem | Form]:
    text, notes = read_plain(root, file, settings.encoding)
    yield from notes
    if not text:
        return
    if settings.split in ("auto", "file"):
        yield Document(text, file.path, file.label, file.held_out, read)
        return
    divide = lines if settings.split == "line" else paragraphs
    for line, part in divide(text):
        if part.strip():
            yield Document(part, f"{file.path}:{line}", file.label, file.held_out, read)


def _records(
    root: Path, file: TextFile, settings: TextSettings, before: int
) -> Iterator[Document | Problem | Form]:
    empty = True
    for record in read_records(root, file, settings):
        empty = empty and isinstance(record, Form)
        if isinstance(record, Record):
            line, text, label, held_out, read = record
            name = f"{file.path}:{line}"
            side = file.held_out if held_out is None else held_out
            yield Document(text, name, label or file.label, side, before + read)
        else:
            yield record
    if empty:
        yield Problem(file.path, None, "holds no records")


def read_plain(
    root: Path, file: TextFile, encoding: str = AUTO
) -> tuple[str, list[Problem | Form]]:
    """Read a file, with all line ends converted to line feeds.

    Bytes that are not UTF-8 become U+FFFD. The first one of a line is reported, for at most 20
    lines.

    Returns:
        The text, and the problems and forms; the text is empty if the file cannot be used.
    """
    try:
        stream = Stream(root / file.path, encoding, western=True)
        if stream.look is not None and not stream.look.is_text:
            return "", [Problem(file.path, None, NOT_UTF8)]
        reader = _Reader(file.path)
        size = 0
        for chunk in stream:
            size += len(chunk)
            if size > _LARGEST:
                return "", [Problem(file.path, None, _TOO_LARGE)]
            reader.feed(chunk)
    except Unusable as error:
        return "", [Problem(file.path, None, str(error))]
    except OSError as error:
        return "", [Problem(file.path, None, f"{UNREADABLE}{error.strerror or error}")]
    text = reader.finish()
    if not text.strip():
        return "", [Problem(file.path, None, "is empty")]
    notes = [Problem(file.path, None, note) for note in stream.notes]
    return text, [*map(Form, stream.forms), *reader.problems, *notes]


class _Reader:
    """Decodes chunks, and records the places of invalid bytes."""

    def __init__(self, path: str) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._text = io.StringIO(newline="")
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._rest = b""
        self._line, self._column = 1, 0
        self._bad = 0

    def feed(self, chunk: bytes, final: bool = False) -> None:
        """Add the next bytes; an incomplete character at their end is decoded in the next call."""
        data = memoryview(self._rest + chunk)
        start = 0
        while len(self.problems) < _NAMED_LINES:
            try:
                text, used = codecs.utf_8_decode(data[start:], "strict", final)
            except UnicodeDecodeError as error:
                good, _ = codecs.utf_8_decode(data[start : start + error.start], "strict", True)
                self._write(good + REPLACEMENT)
                self._note(data[start + error.start])
                start += error.end
                continue
            self._write(text)
            self._rest = bytes(data[start + used :])
            return
        text, used = codecs.utf_8_decode(data[start:], "replace", final)
        self._write(text)
        own = bytes(data[start : start + used]).count(REPLACEMENT.encode())
        self._bad += text.count(REPLACEMENT) - own
        self._rest = bytes(data[start + used :])

    def finish(self) -> str:
        """The whole text."""
        self.feed(b"", final=True)
        self._text.write(self._newlines.decode("", final=True))
        if self._bad > len(self.problems):
            total = f"{self._bad} places in all are not UTF-8, and became U+FFFD"
            self.problems.append(Problem(self._path, None, total))
        return self._text.getvalue()

    def _write(self, text: str) -> None:
        text = self._newlines.decode(text)
        self._text.write(text)
        breaks = text.count("\n")
        self._line += breaks
        self._column = len(text) - text.rfind("\n") - 1 if breaks else self._column + len(text)

    def _note(self, byte: int) -> None:
        self._bad += 1
        if not self.problems or self.problems[-1].line != self._line:
            reason = f"column {self._column}: the byte 0x{byte:02X} is not UTF-8; it became U+FFFD"
            self.problems.append(Problem(self._path, self._line, reason))
