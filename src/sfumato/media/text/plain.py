"""The text of a plain file, read piece by piece, with every byte accounted for."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from sfumato.errors import DataError
from sfumato.media.text.files import Problem, TextFile
from sfumato.media.text.tokenizer import REPLACEMENT

_CHUNK = 1 << 16
_LARGEST = 1 << 30
_NAMED_LINES = 20
# A file that begins with more bad bytes is in another encoding, or no text at all.
_BAD_SHARE, _BAD_COUNT = 0.1, 32


def read_plain(root: Path, file: TextFile) -> tuple[str, list[Problem]]:
    """Read a file as UTF-8; every line ends in a line feed, whatever it ended in.

    Bytes that are not UTF-8 become U+FFFD. The first of every line is named, in 20 lines at most.

    Returns:
        The text, and what was wrong; the text is empty if the file cannot be used.

    Raises:
        DataError: The file is larger than 1 GiB.
    """
    if file.size > _LARGEST:
        raise DataError(
            f"'{root / file.path}' is too large: {file.size / 2**30:.1f} GiB.",
            why="one document can have 1 GiB",
            hint="divide it into smaller files, or write its documents as lines of a .jsonl file.",
        )
    reader = _Reader(file.path)
    try:
        with (root / file.path).open("rb") as stream:
            first = stream.read(_CHUNK)
            if reason := _not_utf8(first):
                return "", [Problem(file.path, None, reason)]
            reader.feed(first.removeprefix(codecs.BOM_UTF8))
            while chunk := stream.read(_CHUNK):
                reader.feed(chunk)
    except OSError as error:
        return "", [Problem(file.path, None, f"cannot be read: {error.strerror}")]
    text = reader.finish()
    if not text.strip():
        return "", [Problem(file.path, None, "is empty")]
    return text, reader.problems


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """The pieces between blank lines, each with the number of its first line, from 1."""
    first, part = 0, list[str]()
    for number, line in lines(text):
        if line.strip():
            first = first or number
            part.append(line)
        elif part:
            yield first, "\n".join(part)
            first, part = 0, []
    if part:
        yield first, "\n".join(part)


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines, each with its number from 1."""
    number, start = 1, 0
    while (stop := text.find("\n", start)) >= 0:
        yield number, text[start:stop]
        number, start = number + 1, stop + 1
    yield number, text[start:]


def _not_utf8(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "is UTF-16, not UTF-8; save it as UTF-8"
    text, _ = codecs.utf_8_decode(start, "replace", False)
    bad = text.count(REPLACEMENT) - start.count(REPLACEMENT.encode())
    if bad > max(_BAD_COUNT, _BAD_SHARE * len(text)):
        return "is not UTF-8 text: another encoding, or no text at all; save it as UTF-8"
    return ""


class _Reader:
    """Decodes chunks, and notes where bytes were bad."""

    def __init__(self, path: str) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._text = io.StringIO(newline="")
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._rest = b""
        self._line, self._column = 1, 0
        self._bad = 0

    def feed(self, chunk: bytes, final: bool = False) -> None:
        """Take the next bytes; a character cut by their end waits for the next call."""
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
