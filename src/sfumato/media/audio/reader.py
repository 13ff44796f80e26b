"""Reading audio files as clips: int16 of shape (C, N), all of one rate and length.

A file is mixed to its channels, freed of a constant offset, resampled, trimmed, cut and normalised
in level, in this order. A long file can give many items, one for each stretch.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data.index import FileKind, Index
from sfumato.data.items import Items
from sfumato.errors import DataError, SettingError
from sfumato.media.audio.fit import (
    Samples,
    cut,
    levelled,
    resampled,
    stretch,
    stretches,
    to_channels,
    trimmed,
    without_offset,
)
from sfumato.media.audio.open import AUDIO, Recording, audio_header, read_audio
from sfumato.media.audio.settings import AudioSettings

# Part of the key of every cached array: raise it when reading gives other samples than before.
_SAMPLES = 1
_CHANNELS = {"mono": 1, "stereo": 2}
_FULL_SCALE = 32768
# Three steps of 16 bits: softer audio is only noise and rounding.
_SILENCE = 1e-4
# Decoded of a long file besides the clip, since its ends may be soft and trimmed.
_EXTRA_SECONDS = 30.0
# Decoded on either side of a stretch as context for the filter of the resampler.
_CONTEXT_SECONDS = 0.05


class ClipReader:
    """Reads clips of one rate, length and number of channels.

    Raises:
        SettingError: ``channels`` is still ``auto``.
    """

    kind: FileKind = AUDIO
    dtype = np.dtype(np.int16)

    def __init__(self, settings: AudioSettings) -> None:
        if settings.channels == "auto":
            raise SettingError(
                "The number of channels is not resolved.",
                why="channels is 'auto', which depends on the data",
                hint="use settings.resolve(index), or set channels to mono or stereo.",
            )
        self.settings = settings

    @property
    def shape(self) -> tuple[int, int]:
        """(C, N) of every clip."""
        return _CHANNELS[self.settings.channels], self.settings.samples

    @property
    def cache_key(self) -> str:
        """All settings that affect the samples of a clip, as text."""
        relevant = {"rate", "seconds", "channels", "cut", "level", "trim", "max_seconds"}
        settings = self.settings.model_dump(include=relevant)
        return json.dumps({"audio": _SAMPLES, **settings}, sort_keys=True)

    def parts(self, path: Path) -> int:
        """Number of clips of a file: with ``cut="all"`` by the length in its header, else one.

        If a file is shorter than its header states, :meth:`read` refuses its last parts.

        Raises:
            DataError: The header cannot be read, does not state the length, or states more than
                ``max_seconds``.
            MissingExtra: soundfile is not installed.
        """
        if self.settings.cut != "all":
            return 1
        seconds = self._claimed_seconds(path)
        return stretches(round(seconds * self.settings.rate), self.settings.samples)

    def read(self, path: Path, part: int = 0) -> NDArray[np.int16]:
        """Read a clip as int16 of shape (C, N), with full scale 32768.

        Of a long file, only the clip and 30 s besides are decoded, so longer soft ends are not
        trimmed. With ``cut="all"`` each stretch is trimmed and normalised by itself.

        Args:
            path: The file.
            part: Number of the stretch, from 0; always 0 unless ``cut="all"``.

        Raises:
            DataError: The file cannot be read, or is silent there; ``why`` has the reason.
            MissingExtra: soundfile or soxr is not installed.
            ValueError: ``part`` is negative, or above 0 without ``cut="all"``.
        """
        settings = self.settings
        if part < 0 or (part > 0 and settings.cut != "all"):
            raise ValueError(f"there is no part {part}")
        if settings.cut == "all":
            x = self._stretch(path, part)
        else:
            x = self._fitted(self._surroundings(path))
        if settings.trim is not None:
            x = trimmed(x, settings.rate, settings.trim)
        rule = "start" if settings.cut == "all" else settings.cut
        clip = cut(x, settings.rate, settings.samples, rule)[0]
        if np.abs(clip).max() < _SILENCE:
            what = "it" if settings.cut != "all" else "that stretch"
            raise _refused(path, f"{what} is silent: nothing there is louder than -80 dBFS")
        return _sixteen_bits(levelled(clip, settings.rate, settings.level))

    def lengths(self, clips: NDArray[np.int16]) -> NDArray[np.int64]:
        """Numbers of samples of clips (B, C, N) up to the last one that is not zero, shape (B,)."""
        sounding = (clips != 0).any(axis=1)
        from_end = sounding[:, ::-1].argmax(axis=1)
        return np.where(sounding.any(axis=1), clips.shape[-1] - from_end, 0).astype(np.int64)

    def _fitted(self, audio: Recording) -> Samples:
        mixed = without_offset(to_channels(audio.samples, self.shape[0]))
        return resampled(mixed, audio.rate, self.settings.rate)

    def _surroundings(self, path: Path) -> Recording:
        """The part of a file that the clip at its start or in its middle is cut from."""
        span = self.settings.seconds + _EXTRA_SECONDS
        start = 0.0
        if self.settings.cut == "middle":
            start = max(0.0, (self._claimed_seconds(path) - span) / 2)
        return read_audio(path, self.settings.max_seconds, start, span)

    def _stretch(self, path: Path, part: int) -> Samples:
        """One of the consecutive stretches of a file."""
        seconds = self.settings.samples / self.settings.rate
        begin = part * seconds
        context = min(begin, _CONTEXT_SECONDS)
        span = context + seconds + _CONTEXT_SECONDS
        audio = read_audio(path, self.settings.max_seconds, begin - context, span)
        x = self._fitted(audio)
        before = round(context * self.settings.rate)
        if part and x.shape[1] <= before:
            raise _refused(path, "it ends before the requested stretch")
        return stretch(x, self.settings.rate, before, self.settings.samples)

    def _claimed_seconds(self, path: Path) -> float:
        header = audio_header(path)
        if header.frames is None:
            raise _refused(path, "its header does not say how long it is")
        seconds = header.frames / header.rate
        if seconds > self.settings.max_seconds:
            limit = self.settings.max_seconds
            raise _refused(path, f"{seconds:,.1f} seconds are above the limit of {limit:,g}")
        return seconds


def divided(index: Index, reader: ClipReader) -> Index:
    """An index with one item for each stretch of each file, if ``cut="all"``.

    The stretches of a file share a group, so that a file is never divided between training and
    held-out data. A file whose header cannot be read stays one item, and is set aside when it is
    read.

    Raises:
        MissingExtra: soundfile is not installed.
    """
    if reader.settings.cut != "all":
        return index
    counts = [_parts(index.file(item), reader) for item in index.items]
    items = Items.of(
        replace(item, part=part, group=item.group or item.path)
        for item, count in zip(index.items, counts, strict=True)
        for part in range(count)
    )
    # The index of a single file has no stats.
    stats = np.repeat(index.stats, counts, axis=0) if len(index.stats) else index.stats
    return replace(index, items=items, stats=stats)


def _parts(path: Path, reader: ClipReader) -> int:
    try:
        return reader.parts(path)
    except DataError:
        return 1


def _sixteen_bits(x: Samples) -> NDArray[np.int16]:
    steps: NDArray[Any] = np.rint(x * _FULL_SCALE)
    return steps.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def _refused(path: Path, reason: str) -> DataError:
    return DataError(
        f"'{path}' cannot be read as audio.",
        why=reason,
        hint="repair the file, take it out of the folder, or cut it in another way.",
    )
