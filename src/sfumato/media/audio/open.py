"""Decoding one untrusted audio file, with the optional package ``soundfile``.

Memory is not allocated by the length in the header: samples are read in blocks. Formats without a
header, which would decode any file to noise, are not supported.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.data.index import FileKind
from sfumato.errors import DataError, MissingExtra

_SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
)  # fmt: skip
AUDIO = FileKind("audio files", frozenset(_SUFFIXES))

# An explicit list: libsndfile also opens instruments, numeric tables and historic formats.
_FORMATS = frozenset(
    ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "MPEG", "AIFF", "AU", "CAF")
)
_MOST_CHANNELS = 32
# With a rate outside this range a small file would become huge when it is resampled.
_RATES = 1_000, 400_000
_BLOCK = 1 << 14
# libsndfile reports its largest integer if the header does not state the length.
_NO_LENGTH = 1 << 62
# Far above the values of files that store integers as floats; its square is still a float32.
_LOUDEST = 2.0**32
# libsndfile's numbers for "format not recognised" and for a stream in which its MP3 decoder finds
# nothing, which it words as a missing file.
_UNKNOWN_FORMAT = 1, 7


class Recording(NamedTuple):
    """Samples as float32 of shape (C, N), full scale at 1, and their rate in Hz."""

    samples: NDArray[np.float32]
    rate: int


class Header(NamedTuple):
    """The header of an audio file.

    Attributes:
        rate: Sampling rate in Hz.
        channels: Number of channels.
        frames: Samples per channel, as the header states; ``None`` if it does not.
        format: Format of the file, such as ``WAV`` or ``FLAC``.
        subtype: Format of the samples, such as ``PCM_16`` or ``VORBIS``.
    """

    rate: int
    channels: int
    frames: int | None
    format: str
    subtype: str


def read_audio(
    path: Path, max_seconds: float, start: float = 0.0, seconds: float | None = None
) -> Recording:
    """Decode an audio file, or a stretch of it.

    A file that ends early or is damaged is decoded up to there.

    Args:
        path: The file.
        max_seconds: Refuse files whose header states more, or that turn out to be longer.
        start: Start of the stretch in seconds.
        seconds: Length of the stretch in seconds; ``None`` for all.

    Raises:
        DataError: The file is missing, is not audio, is damaged from the start, is too long or has
            too many channels; or the stretch is empty, silent, or has samples that are not finite.
        MissingExtra: soundfile is not installed.
    """
    with _opened(path) as file:
        rate: int = file.samplerate
        header = _header(file)
        _refuse_long(header.frames, rate, max_seconds)
        begin = round(start * rate)
        wanted = None if seconds is None else round(seconds * rate)
        if begin > 0:
            _seek(file, header, begin)
        most = int(max_seconds * rate) - begin
        blocks: list[NDArray[np.float32]] = []
        arrived = 0
        for block in _blocks(file, wanted):
            arrived += len(block)
            if arrived > most:
                _refuse_long(begin + arrived, rate, max_seconds)
            blocks.append(block)
        samples = _joined(blocks, arrived, file.channels)
        _refuse_unusable(samples, complete=begin == 0 and (wanted is None or arrived < wanted))
        return Recording(samples, rate)


def audio_header(path: Path) -> Header:
    """Read the header of an audio file without decoding the samples.

    Raises:
        DataError: The file is missing, is not audio, or has a rate or a number of channels that
            :func:`read_audio` refuses.
        MissingExtra: soundfile is not installed.
    """
    with _opened(path) as file:
        return _header(file)


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
def _opened(path: Path) -> Iterator[Any]:
    """Open a file; every error inside the block becomes a :class:`DataError`."""
    package = _soundfile()
    try:
        _require_content(path)
        # Passed as a stream: libsndfile cannot open every name, and takes some suffixes for formats
        # without a header.
        with _Stream(io.FileIO(path)) as stream, package.SoundFile(stream) as file:
            # Otherwise soundfile seeks to the end of every block that it has read, which costs time
            # and fails at the end of a file of unknown length.
            file.seekable = lambda: False
            _refuse_odd(file)
            yield file
    # On damaged files decoders raise errors of many types. The file is at fault in every case.
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error


def _require_content(path: Path) -> None:
    size = path.stat().st_size
    if not path.is_file():
        raise ValueError("not a file")
    if size == 0:
        raise ValueError("it holds no samples")


def _refuse_odd(file: Any) -> None:
    if file.format not in _FORMATS:
        raise ValueError(f"files of the format {file.format} are not read")
    if file.channels > _MOST_CHANNELS:
        raise ValueError(f"{file.channels} channels are above the limit of {_MOST_CHANNELS}")
    low, high = _RATES
    if not low <= file.samplerate <= high:
        raise ValueError(f"a rate of {file.samplerate:,} Hz is outside {low:,} to {high:,} Hz")


def _header(file: Any) -> Header:
    frames = file.frames if 0 <= file.frames < _NO_LENGTH else None
    return Header(file.samplerate, file.channels, frames, file.format, file.subtype)


def _refuse_long(frames: int | None, rate: int, max_seconds: float) -> None:
    if frames is not None and frames > max_seconds * rate:
        raise ValueError(
            f"{frames / rate:,.1f} seconds are above the limit of {max_seconds:,g} (max_seconds)"
        )


def _seek(file: Any, header: Header, begin: int) -> None:
    if header.frames is not None and begin >= header.frames:
        raise ValueError("it ends before the requested stretch")
    file.seek(begin)


def _blocks(file: Any, wanted: int | None) -> Iterator[NDArray[np.float32]]:
    """Yield blocks of shape (n, C) up to the end of the file, or up to ``wanted`` samples.

    After the first samples, a decoding error counts as the end of the file.
    """
    arrived = 0
    while wanted is None or arrived < wanted:
        size = _BLOCK if wanted is None else min(_BLOCK, wanted - arrived)
        block = np.empty((size, file.channels), np.float32)
        before = file.tell()
        try:
            count, error = len(file.read(out=block)), None
        except RuntimeError as caught:
            # The position shows how much of the block was decoded before the error.
            count, error = max(file.tell() - before, 0), caught
        if count:
            yield block[:count]
        arrived += count
        if error is not None and not arrived:
            raise error
        if error is not None or not count:
            return


def _joined(blocks: list[NDArray[np.float32]], length: int, channels: int) -> NDArray[np.float32]:
    samples = np.empty((channels, length), np.float32)
    place = 0
    for block in blocks:
        samples[:, place : place + len(block)] = block.T
        place += len(block)
    return samples


def _refuse_unusable(samples: NDArray[np.float32], complete: bool) -> None:
    if not samples.shape[1]:
        raise ValueError("it holds no samples" if complete else "it holds no samples there")
    low, high = float(samples.min()), float(samples.max())
    # A NaN, or infinities of both signs, also make this sum something that is not finite.
    if not np.isfinite(low + high):
        odd = samples.size - int(np.isfinite(samples).sum())
        raise ValueError(f"{odd:,} of {samples.size:,} samples are not finite")
    if max(high, -low) > _LOUDEST:
        raise ValueError(f"samples reach {max(high, -low):.0e} times full scale")
    if low == high == 0.0:
        raise ValueError("it is silent" if complete else "that stretch is silent")


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    # An OSError if the package is installed and its C library is not.
    except (ImportError, OSError) as error:
        raise MissingExtra("soundfile", "audio", "Reading audio files") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if getattr(error, "code", None) in _UNKNOWN_FORMAT:
        return "not an audio file in a known format"
    # The message of libsndfile without the name of the file.
    text = str(getattr(error, "error_string", "") or error).removeprefix("Error : ").strip()
    return text or type(error).__name__


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"'{path}' cannot be read as audio.",
        why=reason,
        hint="repair the file or take it out of the folder.",
    )
