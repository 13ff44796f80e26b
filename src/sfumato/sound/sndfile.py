"""Audio files that libsndfile decodes, by the optional package ``soundfile``."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.errors import MissingExtra
from sfumato.sound import caf, riff
from sfumato.sound.source import Block, Header

SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
)  # fmt: skip

# An explicit list: libsndfile also opens instruments, numeric tables and historic formats.
_FORMATS = frozenset(
    ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "MPEG", "AIFF", "AU", "CAF")
)
_INEXACT = frozenset(("MP3", "MPEG"))
_BLOCK = 1 << 14
# libsndfile reports its largest integer if the header does not state the length.
_NO_LENGTH = 1 << 62
# libsndfile's numbers for "format not recognised" and for a stream in which its MP3 decoder finds
# nothing, which it words as a missing file.
_UNKNOWN_FORMAT = 1, 7


class SoundFile:
    """An opened file.

    Args:
        file: An object of the package.
        note: What was wrong with the header.
    """

    def __init__(self, file: Any, note: str = "") -> None:
        self._file = file
        frames = file.frames if 0 <= file.frames < _NO_LENGTH else None
        self.header = Header(
            file.samplerate, file.channels, frames, file.format, file.subtype, note
        )

    def blocks(self, begin: int, wanted: int | None) -> Iterator[Block]:
        """See :meth:`Source.blocks`."""
        if not begin or self.header.format not in _INEXACT:
            if begin:
                self._file.seek(begin)
            yield from self._decoded(begin, wanted)
            return
        # The samples of MP3 depend slightly on where decoding began, so it begins with the file.
        place = 0
        for block in self._decoded(0, None if wanted is None else begin + wanted):
            if place + len(block) > begin:
                yield block[max(begin - place, 0) :]
            place += len(block)

    def _decoded(self, begin: int, wanted: int | None) -> Iterator[Block]:
        """Blocks from the present place on, which is that of the sample ``begin``."""
        file, arrived = self._file, 0
        while wanted is None or arrived < wanted:
            size = _BLOCK if wanted is None else min(_BLOCK, wanted - arrived)
            block = np.empty((size, file.channels), np.float32)
            try:
                count, error = len(file.read(out=block)), None
            except RuntimeError as caught:
                count, error = self._decoded_since(begin + arrived), caught
            if count:
                yield block[:count]
            arrived += count
            if error is not None and not arrived:
                raise error
            if error is not None or not count:
                return

    def _decoded_since(self, place: int) -> int:
        """How much was decoded before an error, by the position of the file."""
        # Some codecs, such as GSM 6.10, do not know their position.
        with suppress(RuntimeError):
            return max(int(self._file.tell()) - place, 0)
        return 0


class _Stream(io.BufferedReader):
    """A file that ignores impossible seeks of a decoder."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        # An exception cannot pass through the decoder and would be printed with its traceback. The
        # decoder checks the position and gives up by itself.
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError):
            return self.tell()


@contextmanager
def opened(path: Path, head: bytes) -> Iterator[SoundFile]:
    """Open a file; WAV and CAF files with unfinished headers are repaired in memory.

    Raises:
        MissingExtra: soundfile is not installed.
        Exception: Whatever the package raises, or a ValueError about the format.
    """
    package = _soundfile()
    # Passed as a stream: libsndfile cannot open every name, and takes some suffixes for formats
    # without a header.
    raw, note = caf.repaired(path) if caf.is_caf(head) else riff.repaired(path, head)
    with _Stream(raw) as stream, package.SoundFile(stream) as file:
        # Otherwise soundfile seeks to the end of every block that it has read, which costs time
        # and fails at the end of a file of unknown length.
        file.seekable = lambda: False
        if file.format not in _FORMATS:
            raise ValueError(f"files of the format {file.format} are not read")
        yield SoundFile(file, note)


def is_unknown(error: Exception) -> bool:
    """Whether an error means that a file is not audio in a known format."""
    return getattr(error, "code", None) in _UNKNOWN_FORMAT


def in_words(error: Exception) -> str:
    """The reason in an error of the package, without the name of the file."""
    text = str(getattr(error, "error_string", "") or error).removeprefix("Error : ").strip(" .")
    return f"its header or its samples are damaged ({text or type(error).__name__})"


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    # An OSError if the package is installed and its C library is not.
    except (ImportError, OSError) as error:
        raise MissingExtra("soundfile", "audio", "Reading audio files") from error
