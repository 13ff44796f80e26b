"""Opening one sound from a file that nobody vouches for, with the optional package ``soundfile``.

The length that a header claims is never a reason to ask for memory: samples are read in blocks, and
what arrives is kept. Formats without a header, which would turn any file into noise, are not tried.
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

from sfumato.errors import DataError, MissingExtra
from sfumato.media.data.index import FileKind

_SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
)  # fmt: skip
AUDIO = FileKind("sounds", frozenset(_SUFFIXES))

# An explicit list: libsndfile also opens instruments, numeric tables and old computers' formats.
_FORMATS = frozenset(
    ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "MPEG", "AIFF", "AU", "CAF")
)
_MOST_CHANNELS = 32
# A rate outside these would make a small file a huge one when it is resampled.
_RATES = 1_000, 400_000
_BLOCK = 1 << 14
# libsndfile puts its largest integer where a header does not say how long the sound is.
_NO_LENGTH = 1 << 62
# Far above what files hold that store integers as floats, and its square is still a float32.
_LOUDEST = 2.0**32
# libsndfile's numbers for "format not recognised" and for a stream in which its MP3 decoder finds
# nothing, which it words as a missing file.
_UNKNOWN_FORMAT = 1, 7


class Sound(NamedTuple):
    """Samples as float32 of shape (C, N), full scale at 1, and their rate in Hz."""

    samples: NDArray[np.float32]
    rate: int


class Header(NamedTuple):
    """What a file says of itself.

    Attributes:
        rate: In Hz.
        channels: How many.
        frames: Samples a channel, as the file claims; ``None`` where it does not say.
        format: Of the file, such as ``WAV`` or ``FLAC``.
        subtype: Of the samples, such as ``PCM_16`` or ``VORBIS``.
    """

    rate: int
    channels: int
    frames: int | None
    format: str
    subtype: str


def read_sound(
    path: Path, max_seconds: float, start: float = 0.0, seconds: float | None = None
) -> Sound:
    """Decode a sound, or a stretch of it.

    A file that ends early, or is damaged on the way, gives what can be decoded up to there.

    Args:
        path: The file.
        max_seconds: Refuse files that claim to be longer, or turn out to be.
        start: Where to begin, in seconds.
        seconds: How much to decode; ``None`` for all.

    Raises:
        DataError: The file is missing, is no sound, is damaged from the start, is too long or has
            too many channels; or what was to be decoded is empty, silent, or has samples that are
            not finite.
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
        _refuse_unusable(samples, whole=begin == 0 and (wanted is None or arrived < wanted))
        return Sound(samples, rate)


def sound_header(path: Path) -> Header:
    """What a file says of itself, without decoding it.

    Raises:
        DataError: The file is missing, is no sound, or is one that :func:`read_sound` refuses for
            its rate or channels.
        MissingExtra: soundfile is not installed.
    """
    with _opened(path) as file:
        return _header(file)


class _Stream(io.BufferedReader):
    """A file in which a decoder may try to seek anywhere."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        # An error could not pass through the decoder, and would be printed with its traceback. The
        # decoder asks where it came to, and gives up by itself.
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError):
            return self.tell()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A file open for reading; whatever goes wrong inside becomes a :class:`DataError`."""
    package = _soundfile()
    try:
        _require_content(path)
        # Handed over as a stream: libsndfile cannot open every name, and where it knows the name
        # it takes some suffixes for formats without a header.
        with _Stream(io.FileIO(path)) as stream, package.SoundFile(stream) as file:
            # Else soundfile seeks to the end of every block that it has read, although it is
            # there already; that costs time, and fails at the end of a sound of unknown length.
            file.seekable = lambda: False
            _refuse_odd(file)
            yield file
    # Damaged files make the decoders raise errors of many types. The file is at fault in every
    # case.
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
        raise ValueError("it ends before the stretch that was asked for")
    file.seek(begin)


def _blocks(file: Any, wanted: int | None) -> Iterator[NDArray[np.float32]]:
    """Samples of shape (n, C) until the file ends, or ``wanted`` have come.

    An error ends the sound if something came before it.
    """
    arrived = 0
    while wanted is None or arrived < wanted:
        size = _BLOCK if wanted is None else min(_BLOCK, wanted - arrived)
        block = np.empty((size, file.channels), np.float32)
        before = file.tell()
        try:
            count, error = len(file.read(out=block)), None
        except RuntimeError as caught:
            # The position tells how much of the block was decoded before the error.
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


def _refuse_unusable(samples: NDArray[np.float32], whole: bool) -> None:
    if not samples.shape[1]:
        raise ValueError("it holds no samples" if whole else "it holds no samples there")
    low, high = float(samples.min()), float(samples.max())
    # A NaN, or infinities of both signs, also make this sum something that is not finite.
    if not np.isfinite(low + high):
        odd = samples.size - int(np.isfinite(samples).sum())
        raise ValueError(f"{odd:,} of {samples.size:,} samples are not finite")
    if max(high, -low) > _LOUDEST:
        raise ValueError(f"samples reach {max(high, -low):.0e} times full scale")
    if low == high == 0.0:
        raise ValueError("it is silent" if whole else "that stretch is silent")


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    # An OSError where the package is there and the library that it wraps is not.
    except (ImportError, OSError) as error:
        raise MissingExtra("soundfile", "audio", "Reading sound files") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if getattr(error, "code", None) in _UNKNOWN_FORMAT:
        return "not a sound file in a known format"
    # libsndfile's own words, without the name of the file before them.
    text = str(getattr(error, "error_string", "") or error).removeprefix("Error : ").strip()
    return text or type(error).__name__


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"'{path}' cannot be read as a sound.",
        why=reason,
        hint="repair the file or take it out of the folder.",
    )
