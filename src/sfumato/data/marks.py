"""Recognising what Sfumato wrote: samples, contact sheets and previews by a mark, runs by a spec.

A sample holds its provenance and a sheet holds a mark: in a PNG an uncompressed ``iTXt`` chunk
before the pixels (PNG specification, 11.3.3.4) whose keyword begins with ``sfumato``; in a WAV file
the ``ICMT`` of a ``LIST`` chunk of type ``INFO`` (Multimedia Programming Interface and Data
Specifications 1.0, 1991), and in a FLAC file the field ``COMMENT`` of the Vorbis comment (RFC 9639,
8.6), each a JSON object with a key that begins so. Reading walks the chunks and decodes nothing.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sfumato.regular import irregular

KEY = "sfumato"
"""Keyword of the provenance of a sample."""

OUTPUT = "sfumato-output"
"""Keyword of the mark of any other file that Sfumato wrote, such as a contact sheet."""

RECIPE_LIMIT = 1 << 20
"""Largest provenance in bytes."""

MADE_BY_SFUMATO = "made by Sfumato"
"""Why outputs are no data."""

USE_OUTPUTS = "--settings data.outputs=true uses samples that Sfumato made as data"
"""What to do if they are meant."""

# The provenance, and room for other comments and names around it.
CHUNK_LIMIT = RECIPE_LIMIT + (1 << 16)
# In a PNG a keyword, its end, "not compressed", a method and two empty texts stand before it.
_TEXT_LIMIT = RECIPE_LIMIT + len(KEY) + 5
_CHUNK_COUNT_LIMIT = 1000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_VORBIS_COMMENT = 4
_SPEC = "spec.json"
_SPEC_LIMIT = 4 << 20
_TEXT_NAMES = ("samples.jsonl", "trajectory.jsonl")
_STATES = re.compile(rb'{"index": \d+, "states": \[{"t": ')
_SUFFIXES = (".png", ".wav", ".flac")
# Names of what only Sfumato is likely to write; samples are named by numbers, as many files are.
_RARE_NAME = re.compile(r"(sheet|data-check|nearest|latest|step-\d{7,}|\d{5,}-from-noise)\.\w+")
_SAMPLE_NAME = re.compile(r"\d{5,}\.\w+")


def may_be_output(path: str, beside_sheet: bool) -> bool:
    """Whether a file is worth opening to look for a mark, by its name alone.

    Args:
        path: Path of the file.
        beside_sheet: Whether a file ``sheet.png`` lies in the same folder.
    """
    name = path.rpartition("/")[2]
    return bool(_RARE_NAME.fullmatch(name) or (beside_sheet and _SAMPLE_NAME.fullmatch(name)))


def is_output(path: Path, samples: bool = True) -> bool:
    """Whether an image or audio file carries a mark of Sfumato; False if it cannot be read.

    Args:
        path: The file.
        samples: Whether samples count; else only sheets, previews and the like do.
    """
    suffix = path.suffix.lower()
    # Opening a pipe can wait for ever.
    if suffix not in _SUFFIXES or irregular(path) is not None:
        return False
    try:
        with path.open("rb") as file:
            keys = _png_keys(file) if suffix == ".png" else _audio_keys(file)
            return any(key.startswith(KEY) and (samples or key != KEY) for key in keys)
    except (OSError, ValueError, RecursionError, struct.error):
        return False


def is_text_output(path: Path) -> bool:
    """Whether a file holds texts that Sfumato sampled, or their states; by its first line."""
    if path.name not in _TEXT_NAMES or irregular(path) is not None:
        return False
    try:
        with path.open("rb") as file:
            line = file.readline(RECIPE_LIMIT)
        if _STATES.match(line):
            return True
        record = json.loads(line)
        return isinstance(record, dict) and KEY in (record.get("recipe") or ())
    except (OSError, ValueError, RecursionError, TypeError):
        return False


def is_run(folder: str, names: list[str]) -> bool:
    """Whether a folder is a run of Sfumato, by its spec.

    Args:
        folder: The folder.
        names: The names of its entries; those of folders end with a slash.
    """
    if _SPEC not in names:
        return False
    if {"log.jsonl", "checkpoints/"} <= set(names):
        return True
    spec_file = Path(folder) / _SPEC
    if irregular(spec_file) is not None:
        return False
    try:
        with spec_file.open("rb") as file:
            spec = json.loads(file.read(_SPEC_LIMIT))
        return {"recipe", "data", "version"} <= spec.keys() and "source" in spec["data"]
    except (OSError, ValueError, RecursionError, TypeError, AttributeError):
        return False


def png_texts(file: BinaryIO) -> Iterator[bytes]:
    """The ``iTXt`` chunks of a PNG before its pixels, each from its keyword on.

    Raises:
        ValueError: The file is not a PNG file, or is damaged.
    """
    if file.read(8) != _SIGNATURE:
        raise ValueError("it is not a PNG file")
    for _ in range(_CHUNK_COUNT_LIMIT):
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("the file ends early")
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            return
        if kind != b"iTXt" or length > _TEXT_LIMIT:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        data, check = file.read(length), file.read(4)
        if check != struct.pack(">I", zlib.crc32(kind + data)):
            raise ValueError("a text chunk is damaged")
        yield data


def audio_comments(file: BinaryIO) -> Iterator[bytes]:
    """The comments of a WAV or FLAC file.

    Raises:
        ValueError: The file is neither, or is damaged.
    """
    magic = file.read(4)
    if magic == b"RIFF":
        yield from _wav_comments(file)
    elif magic == b"fLaC":
        yield from _flac_comments(file)
    else:
        raise ValueError("it is neither a WAV nor a FLAC file")


def _png_keys(file: BinaryIO) -> Iterator[str]:
    """The keywords of the texts of a PNG, see :func:`png_texts`."""
    return (text.partition(b"\0")[0].decode("latin-1") for text in png_texts(file))


def _audio_keys(file: BinaryIO) -> Iterator[str]:
    """The keys of all comments that are JSON objects, see :func:`audio_comments`."""
    for comment in audio_comments(file):
        value = json.loads(comment) if comment.lstrip().startswith(b"{") else None
        if isinstance(value, dict):
            yield from value


def _wav_comments(file: BinaryIO) -> Iterator[bytes]:
    if file.read(8)[4:] != b"WAVE":
        raise ValueError("it is not a WAV file")
    for _ in range(_CHUNK_COUNT_LIMIT):
        head = file.read(8)
        if len(head) < 8:
            return
        kind, length = struct.unpack("<4sI", head)
        if kind != b"LIST" or length > CHUNK_LIMIT:
            file.seek(length + length % 2, io.SEEK_CUR)
            continue
        data = file.read(length + length % 2)
        if data.startswith(b"INFO"):
            yield from _info_comments(data[4:])


def _info_comments(data: bytes) -> Iterator[bytes]:
    place = 0
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind == b"ICMT":
            yield data[place + 8 : place + 8 + length].rstrip(b"\0")
        place += 8 + length + length % 2


def _flac_comments(file: BinaryIO) -> Iterator[bytes]:
    for _ in range(_CHUNK_COUNT_LIMIT):
        head = file.read(4)
        if len(head) < 4:
            raise ValueError("the file ends early")
        kind, length = head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == _VORBIS_COMMENT and length <= CHUNK_LIMIT:
            yield from _vorbis_comments(file.read(length))
        else:
            file.seek(length, io.SEEK_CUR)
        if head[0] & 0x80:
            return


def _vorbis_comments(data: bytes) -> Iterator[bytes]:
    """The values of all fields named COMMENT."""
    stream = io.BytesIO(data)
    stream.seek(_length(stream), io.SEEK_CUR)
    for _ in range(min(_length(stream), _CHUNK_COUNT_LIMIT)):
        name, _, value = stream.read(_length(stream)).partition(b"=")
        if name.upper() == b"COMMENT":
            yield value


def _length(stream: BinaryIO) -> int:
    data = stream.read(4)
    if len(data) < 4:
        raise ValueError("its comments are damaged")
    return int.from_bytes(data, "little")
