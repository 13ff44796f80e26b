"""Opening one untrusted audio file, and decoding it block by block.

Memory is not allocated by the length in the header: samples are read in blocks. Formats without a
header, which would decode any file to noise, are not supported. What libsndfile decodes is in
``sndfile``; MPEG-4 and WebM files are in ``container``.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.data.index import FileKind
from sfumato.data.signature import HEAD_BYTES, named_content
from sfumato.errors import DataError, MissingExtra
from sfumato.sound import container, sndfile
from sfumato.sound.source import Block, Header, Source

SUFFIXES = (*sndfile.SUFFIXES, *container.SUFFIXES)
AUDIO = FileKind("audio files", frozenset(SUFFIXES))

_MOST_CHANNELS = 32
# With a rate outside this range a small file would become huge when it is resampled.
_RATES = 1_000, 400_000
# Far above the values of files that store integers as floats; its square is still a float32.
LOUDEST = 2.0**32


class Recording(NamedTuple):
    """Samples as float32 of shape (C, N), full scale at 1, and their rate in Hz."""

    samples: NDArray[np.float32]
    rate: int


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
        MissingExtra: The package that decodes the format is not installed.
    """
    with opened(path) as source:
        header = source.header
        blocks = list(_bounded(source, max_seconds, start, seconds))
        arrived = sum(map(len, blocks))
        samples = joined(blocks, header.channels)
        whole = seconds is None or arrived < round(seconds * header.rate)
        refuse_unusable(samples, complete=start == 0 and whole)
        return Recording(samples, header.rate)


def audio_blocks(
    path: Path, max_seconds: float, start: float = 0.0, seconds: float | None = None
) -> Iterator[Block]:
    """Decode an audio file in blocks of shape (n, C), with the arguments of :func:`read_audio`.

    Samples that are silent or not finite are not refused. The file stays open until the iterator
    ends or is closed.

    Raises:
        DataError: As :func:`read_audio` does.
        MissingExtra: The package that decodes the format is not installed.
    """
    with opened(path) as source:
        yield from _bounded(source, max_seconds, start, seconds)


def audio_header(path: Path) -> Header:
    """Read the header of an audio file; at most one frame of the samples is decoded.

    Raises:
        DataError: The file is missing, is not audio, or has a rate or a number of channels that
            :func:`read_audio` refuses.
        MissingExtra: The package that decodes the format is not installed.
    """
    with opened(path) as source:
        return source.header


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file; every error inside the block becomes a :class:`DataError`.

    Raises:
        DataError: The file is not audio, or is not a regular file; pipes and devices are not even
            opened.
        MissingExtra: The package that decodes the format is not installed.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("not a file")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if not head:
            raise ValueError("it is empty")
        open_source = container.opened if container.recognised(head) else sndfile.opened
        with open_source(path, head) as source:
            _refuse_odd(source.header)
            yield source
    except MissingExtra:
        raise
    # On damaged files decoders raise errors of many types. The file is at fault in every case.
    except Exception as error:
        raise _unreadable(path, _reason(error, path)) from error


def _bounded(
    source: Source, max_seconds: float, start: float, seconds: float | None
) -> Iterator[Block]:
    """Blocks of a stretch; refuses a file that is longer than ``max_seconds``."""
    rate = source.header.rate
    _refuse_long(source.header.frames, rate, max_seconds)
    begin = round(start * rate)
    frames = source.header.frames
    if begin and frames is not None and begin >= frames:
        raise ValueError("it ends before the requested stretch")
    arrived = begin
    for block in source.blocks(begin, None if seconds is None else round(seconds * rate)):
        arrived += len(block)
        if arrived > int(max_seconds * rate):
            _refuse_long(arrived, rate, max_seconds)
        yield block


def joined(blocks: list[Block], channels: int) -> NDArray[np.float32]:
    """Blocks of shape (n, C) as one array of shape (C, N)."""
    samples = np.empty((channels, sum(map(len, blocks))), np.float32)
    place = 0
    for block in blocks:
        samples[:, place : place + len(block)] = block.T
        place += len(block)
    return samples


def refuse_unusable(samples: NDArray[np.float32], complete: bool) -> None:
    """Check that there are samples, that they are finite, and that they are not silent.

    Raises:
        ValueError: They are not.
    """
    if not samples.shape[1]:
        raise ValueError("it holds no samples" if complete else "it holds no samples there")
    low, high = float(samples.min()), float(samples.max())
    # A NaN, or infinities of both signs, also make this sum something that is not finite.
    if not np.isfinite(low + high):
        odd = samples.size - int(np.isfinite(samples).sum())
        raise ValueError(f"{odd:,} of {samples.size:,} samples are not finite")
    if max(high, -low) > LOUDEST:
        raise ValueError(f"samples reach {max(high, -low):.0e} times full scale")
    if low == high == 0.0:
        raise ValueError("it is silent" if complete else "that stretch is silent")


def _refuse_odd(header: Header) -> None:
    if header.channels > _MOST_CHANNELS:
        raise ValueError(f"{header.channels} channels are above the limit of {_MOST_CHANNELS}")
    low, high = _RATES
    if not low <= header.rate <= high:
        raise ValueError(f"a rate of {header.rate:,} Hz is outside {low:,} to {high:,} Hz")


def _refuse_long(frames: int | None, rate: int, max_seconds: float) -> None:
    if frames is not None and frames > max_seconds * rate:
        raise ValueError(
            f"{frames / rate:,.1f} seconds are above the limit of {max_seconds:,g} (max_seconds)"
        )


def _reason(error: Exception, path: Path) -> str:
    # Before the others: the errors of av are also of the types of Python.
    if container.is_its(error):
        return container.in_words(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, ValueError):
        return str(error)
    # soundfile asks for the rate of a file with the suffix of raw samples.
    if sndfile.is_unknown(error) or isinstance(error, TypeError):
        return _other_content(path) or "not an audio file in a known format"
    return sndfile.in_words(error)


def _other_content(path: Path) -> str | None:
    """What a file that is no audio is instead, where its first bytes tell."""
    try:
        with path.open("rb") as file:
            found = named_content(file.read(HEAD_BYTES))
    except OSError:
        return None
    return None if found is None or found.endswith("sound") else found


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"'{path}' cannot be read as audio.",
        why=reason,
        hint="repair the file or take it out of the folder.",
    )
