"""Sound in MPEG-4 and Matroska files, as phones and web sites store it.

The optional package ``av`` (PyAV) decodes them: AAC, ALAC, Opus, Vorbis, MP3 and FLAC in ``.m4a``,
``.webm``, ``.mka`` and ``.aac`` files. The format is chosen by the first bytes and the file is
passed as a stream, so that no other format of FFmpeg, and nothing that a file refers to, is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.errors import MissingExtra
from sfumato.sound.source import Block, Header

SUFFIXES = (".m4a", ".m4b", ".m4r", ".aac", ".webm", ".mka")

_CODECS = frozenset({"aac", "alac", "flac", "mp3", "mp3float", "opus", "libopus", "vorbis"})
# The value of full scale by the name of the type of the samples, without the p of "planar".
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "flt": 1.0, "dbl": 1.0}


def recognised(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a container or of a stream of AAC."""
    return _format(head) is not None


def _format(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    # The sync word of ADTS with layer 0; that of MP3 has another layer.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    return None


class ContainerFile:
    """An opened file: its first track of sound.

    Args:
        package: The module ``av``.
        container: An open container of the package.
        format: Format of the container.

    Raises:
        ValueError: There is no sound, or none in a known codec.
    """

    def __init__(self, package: Any, container: Any, format: str) -> None:
        if not container.streams.audio:
            raise ValueError("it holds no sound")
        self._error: type[Exception] = package.error.FFmpegError
        stream = container.streams.audio[0]
        codec = stream.codec_context.name
        if codec not in _CODECS:
            raise ValueError(f"its sound is in the codec {codec}, which is not read")
        self._frames: Iterator[Any] = container.decode(stream)
        # The header of AAC can state half of the rate, so the first frame decides.
        self._first = next(self._frames, None)
        if self._first is None:
            raise ValueError("it holds no samples")
        rate, channels = self._first.sample_rate, len(self._first.layout.channels)
        frames = None
        # Without a table the duration of a stream of AAC is only an estimate.
        if stream.duration is not None and format == "mp4":
            frames = round(stream.duration * stream.time_base * rate)
        self.header = Header(rate, channels, frames, format.upper(), codec.upper())

    def blocks(self, begin: int, wanted: int | None) -> Iterator[Block]:
        """See :meth:`Source.blocks`; decodes from the start of the file, and can be used once."""
        place, end = 0, None if wanted is None else begin + wanted
        for block in self._decoded():
            low = max(begin - place, 0)
            high = len(block) if end is None else min(len(block), end - place)
            place += len(block)
            if low < high:
                yield block[low:high]
            if end is not None and place >= end:
                return
        if place <= begin and begin:
            raise ValueError("it ends before the requested stretch")

    def _decoded(self) -> Iterator[Block]:
        yield self._samples(self._first)
        while True:
            try:
                frame = next(self._frames, None)
            # After the first samples, an error is the end of the file.
            except self._error:
                return
            if frame is None or self._is_other(frame):
                return
            yield self._samples(frame)

    def _is_other(self, frame: Any) -> bool:
        """Whether the rate or the channels change, which no ordinary file does."""
        channels = len(frame.layout.channels)
        return bool((frame.sample_rate, channels) != (self.header.rate, self.header.channels))

    def _samples(self, frame: Any) -> Block:
        kind, channels = str(frame.format.name), len(frame.layout.channels)
        values = frame.to_ndarray()
        values = values.T if frame.format.is_planar else values.reshape(-1, channels)
        scale = _FULL_SCALE[kind.removesuffix("p")]
        block: Block = values.astype(np.float32)
        if kind.startswith("u8"):
            block -= scale
        return block if scale == 1.0 else block / np.float32(scale)


@contextmanager
def opened(path: Path, head: bytes) -> Iterator[ContainerFile]:
    """Open a file that :func:`recognised` recognises.

    Raises:
        MissingExtra: av is not installed.
        Exception: Whatever the package raises, or a ValueError about the content.
    """
    package = _av()
    format = _format(head) or ""
    with path.open("rb") as file, package.open(file, mode="r", format=format) as container:
        yield ContainerFile(package, container, format)


def is_its(error: Exception) -> bool:
    """Whether an error is one of the package."""
    return type(error).__module__.startswith("av.")


def in_words(error: Exception) -> str:
    """The reason in an error of the package, without the name of the file."""
    text = str(getattr(error, "strerror", "") or error)
    return f"its header or its samples are damaged ({text or type(error).__name__})"


def _av() -> Any:
    try:
        return importlib.import_module("av")
    # An OSError if a library of the package is missing.
    except (ImportError, OSError) as error:
        raise MissingExtra("av", "aac", "Reading AAC, M4A and WebM files") from error
