"""All documents of a file or a folder, one after the other, each read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sfumato.media.text.files import PLAIN, Problem, TextFile, TextFiles, find_texts
from sfumato.media.text.plain import lines, paragraphs, read_plain
from sfumato.media.text.records import read_records
from sfumato.media.text.settings import TextSettings

__all__ = ["Document", "Problem", "documents_of", "read_documents"]


@dataclass(frozen=True, slots=True)
class Document:
    """One text.

    Attributes:
        text: Not empty.
        name: The path of its file relative to the folder; for a part of a file with ``:LINE``.
        label: The name of its class, if it has one.
        held_out: Whether to hold it out from training, if its record says so.
        read: How many bytes of the source have been read when it comes.
    """

    text: str
    name: str
    label: str | None = None
    held_out: bool | None = None
    read: int = 0


def read_documents(source: Path, settings: TextSettings) -> Iterator[Document | Problem]:
    """Read a text file, or all of a folder.

    ``.txt`` and ``.md`` files hold one document each, or as many as ``settings.split`` makes of
    them. ``.jsonl`` and ``.csv`` files hold one in every record: its text, and perhaps its label
    and its ``split`` (train, or test, validation, valid, val, dev, held_out).

    Yields:
        Documents, and between them what was set aside or mended.

    Raises:
        DataError: The source is missing, holds no texts, or its first record lacks a field.
    """
    return documents_of(find_texts(source), settings)


def documents_of(texts: TextFiles, settings: TextSettings) -> Iterator[Document | Problem]:
    """As :func:`read_documents`, for files that were found before."""
    yield from texts.problems
    before = 0
    for file in texts.files:
        if file.suffix in PLAIN:
            yield from _plain(texts.root, file, settings, before + file.size)
        else:
            yield from _records(texts.root, file, settings, before)
        before += file.size


def _plain(
    root: Path, file: TextFile, settings: TextSettings, read: int
) -> Iterator[Document | Problem]:
    text, problems = read_plain(root, file)
    yield from problems
    if not text:
        return
    if settings.split in ("auto", "file"):
        yield Document(text, file.path, file.label, None, read)
        return
    divide = lines if settings.split == "line" else paragraphs
    for line, part in divide(text):
        if part.strip():
            yield Document(part, f"{file.path}:{line}", file.label, None, read)


def _records(
    root: Path, file: TextFile, settings: TextSettings, before: int
) -> Iterator[Document | Problem]:
    empty = True
    for record in read_records(root, file, settings):
        empty = False
        if isinstance(record, Problem):
            yield record
        else:
            line, text, label, held_out, read = record
            name = f"{file.path}:{line}"
            yield Document(text, name, label or file.label, held_out, before + read)
    if empty:
        yield Problem(file.path, None, "holds no records")
