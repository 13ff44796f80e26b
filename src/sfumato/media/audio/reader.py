"""Reading audio files as clips: int16 of shape (C, N), all of one rate and length.

A file is mixed to its channels, freed of a constant offset, resampled, trimmed, cut and normalised
in level, in this order. A long file can give many items, one for each stretch.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.data.dataset import Dataset
from sfumato.data.index import FileKind, Index
from sfumato.data.items import Items
from sfumato.errors import DataError, MissingExtra, SettingError
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.audio.survey import Survey
from sfumato.sound.cursor import LongFile, LongFiles, refused
from sfumato.sound.fit import (
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
from sfumato.sound.loudness import measured
from sfumato.sound.open import AUDIO, audio_header, read_audio
from sfumato.sound.source import Header

# Part of the key of every cached array: raise it when reading gives other samples than before.
_SAMPLES = 2
_CHANNELS = {"mono": 1, "stereo": 2}
_FULL_SCALE = 32768
# Three steps of 16 bits: softer audio is only noise and rounding.
_SILENCE = 1e-4
# A clip that is softer than the loudest of its file by up to 40 dB is raised to the level of all
# clips; what it is softer by more, it stays below.
_RAISED = 1e4
# Decoded of a long file besides the clip, since its ends may be soft and trimmed.
_EXTRA_SECONDS = 30.0
# Decoded on either side of a stretch as context for the filter of the resampler.
_CONTEXT_SECONDS = 0.05
_AT_ONCE = 512


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
        channels, seconds = _CHANNELS[settings.channels], settings.max_seconds
        self._files = LongFiles(lambda path: LongFile(path, channels, seconds))

    @property
    def shape(self) -> tuple[int, int]:
        """(C, N) of every clip."""
        return _CHANNELS[self.settings.channels], self.settings.samples

    @property
    def cache_key(self) -> str:
        """All settings that affect the samples of a clip, as text."""
        relevant = {"rate", "seconds", "channels", "cut", "level", "trim", "floor", "max_seconds"}
        settings = self.settings.model_dump(include=relevant)
        return json.dumps({"audio": _SAMPLES, **settings}, sort_keys=True)

    def parts(self, path: Path) -> int:
        """Number of clips of a file: more than one if a long file is used whole.

        If a file is shorter than its header states, :meth:`read` refuses its last parts.

        Raises:
            DataError: The header cannot be read, or states more than ``max_seconds``; or the file
                is damaged, and its header does not state the length.
            MissingExtra: The package that decodes the file is not installed.
        """
        if self.settings.cut not in ("all", "auto"):
            return 1
        return self.parts_of(path, audio_header(path))

    def parts_of(self, path: Path, header: Header) -> int:
        """Like :meth:`parts`, for a file whose header has been read."""
        settings = self.settings
        seconds = self._seconds(path, header)
        if not settings.uses_all(seconds):
            return 1
        return stretches(round(seconds * settings.rate), settings.samples)

    def read(self, path: Path, part: int = 0) -> NDArray[np.int16]:
        """Read a clip as int16 of shape (C, N), with full scale 32768.

        Of a long file of which one clip is used, only the clip and 30 s besides are decoded, and
        the whole file once in blocks to find where its audio begins. Of a file that is used whole,
        each stretch is trimmed and normalised by itself.

        Args:
            path: The file.
            part: Number of the stretch, from 0.

        Raises:
            DataError: The file cannot be read, or is silent there; ``why`` has the reason.
            MissingExtra: The package that decodes the file, or soxr, is not installed.
            ValueError: ``part`` is negative, or above 0 without ``cut="all"`` or ``cut="auto"``.
        """
        settings = self.settings
        if part < 0 or (part > 0 and settings.cut not in ("all", "auto")):
            raise ValueError(f"there is no part {part}")
        file = self._files(path)
        is_stretch = part > 0 or settings.uses_all(self._seconds(path, file.header))
        x, loudest = self._stretch(file, path, part) if is_stretch else self._chosen(file, path)
        least = 0.0 if settings.floor is None else loudest * 10 ** (-settings.floor / 10)
        if settings.trim is not None:
            x = trimmed(x, settings.rate, settings.trim, least)
        rule: Literal["start", "middle"] = "middle" if settings.cut == "middle" else "start"
        clip = cut(x, settings.rate, settings.samples, rule)[0]
        if np.abs(clip).max() < _SILENCE:
            what = "that stretch" if is_stretch else "it"
            raise refused(path, f"{what} is silent: nothing there is louder than -80 dBFS")
        loud = self._loudest(clip)
        if loud < least:
            raise refused(path, too_soft(settings))
        raised = levelled(clip, settings.rate, settings.level)
        if settings.level != "keep" and loudest > _RAISED * loud:
            raised *= np.float32((_RAISED * loud / loudest) ** 0.5)
        return _sixteen_bits(raised)

    def read_start(self, path: Path) -> NDArray[np.int16]:
        """Read the clip that a variation of a file starts from.

        With ``cut="auto"`` it begins with the first sound of a file of any length.

        Raises:
            DataError: As :meth:`read` does.
            MissingExtra: As :meth:`read` does.
        """
        if self.settings.cut != "auto":
            return self.read(path)
        return ClipReader(self.settings.model_copy(update={"cut": "start"})).read(path)

    def lengths(self, clips: NDArray[np.int16]) -> NDArray[np.int64]:
        """Numbers of samples of clips (B, C, N) up to the last one that is not zero, shape (B,)."""
        sounding = (clips != 0).any(axis=1)
        from_end = sounding[:, ::-1].argmax(axis=1)
        return np.where(sounding.any(axis=1), clips.shape[-1] - from_end, 0).astype(np.int64)

    def lengths_in(self, dataset: Dataset, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The lengths of the clips at some places of a data set, see :meth:`lengths`."""
        parts = np.array_split(places, 1 + len(places) // _AT_ONCE)
        return np.concatenate([self.lengths(dataset.gather(part)[0]) for part in parts])

    def _fitted(self, mixed: Samples, rate: int) -> Samples:
        return resampled(without_offset(mixed), rate, self.settings.rate)

    def _chosen(self, file: LongFile, path: Path) -> tuple[Samples, float]:
        """The audio around the one clip of a file, and the mean square of the file's loudest."""
        settings, rate = self.settings, file.header.rate
        span = settings.seconds + _EXTRA_SECONDS
        seconds, start = self._seconds(path, file.header), 0.0
        whole = seconds <= span
        if not whole:
            low, high = self._sounding(file) if settings.trim is not None else (0.0, seconds)
            start = max(0.0, low - _CONTEXT_SECONDS)
            if settings.cut == "middle":
                start = max(0.0, (low + high - span) / 2)
        audio = read_audio(path, settings.max_seconds, start, span)
        x = self._fitted(to_channels(audio.samples, self.shape[0]), rate)
        if settings.floor is None:
            return x, 0.0
        return x, self._loudest(x) if whole else file.loudness.loudest(settings.seconds)

    def _sounding(self, file: LongFile) -> tuple[float, float]:
        """Begin and end in seconds of what is not softer than the floor of the file."""
        settings, rate = self.settings, file.header.rate
        if settings.floor is None:
            # Without a floor only what is decoded anyway is looked at.
            return 0.0, self._seconds(Path(), file.header)
        least = file.loudness.loudest(settings.seconds) * 10 ** (-settings.floor / 10)
        low, high = file.loudness.sounding(least)
        return low / rate, high / rate

    def _stretch(self, file: LongFile, path: Path, part: int) -> tuple[Samples, float]:
        """One of the consecutive stretches of a file, and the mean square of its loudest."""
        settings, rate = self.settings, file.header.rate
        seconds = settings.samples / settings.rate
        begin = part * seconds
        context = min(begin, _CONTEXT_SECONDS)
        span = context + seconds + _CONTEXT_SECONDS
        x = self._fitted(file.read(round((begin - context) * rate), round(span * rate)), rate)
        before = round(context * settings.rate)
        if part and x.shape[1] <= before:
            raise refused(path, "it ends before the requested stretch")
        loudest = 0.0 if settings.floor is None else file.loudness.loudest(settings.seconds)
        return stretch(x, settings.rate, before, settings.samples), loudest

    def _loudest(self, x: Samples) -> float:
        return measured([x], self.settings.rate).loudest(self.settings.seconds)

    def _seconds(self, path: Path, header: Header) -> float:
        """Duration of a file by its header, or as decoded where the header does not state it."""
        if header.frames is None:
            return self._files(path).loudness.length / header.rate
        seconds = header.frames / header.rate
        if seconds > self.settings.max_seconds:
            limit = self.settings.max_seconds
            raise refused(
                path, f"{seconds:,.1f} seconds are above the limit of {limit:,g} (max_seconds)"
            )
        return seconds


def too_soft(settings: AudioSettings) -> str:
    """The reason for which a clip is set aside that is much softer than the rest of its file."""
    return f"quieter than {settings.floor:g} dB below the loudest of its file"


def divided(index: Index, reader: ClipReader, survey: Survey | None = None) -> Index:
    """An index with one item for each stretch of each file that is used whole.

    The stretches of a file share a group, so that a file is never divided between training and
    held-out data. A file whose header cannot be read stays one item, and is set aside when it is
    read.

    Args:
        index: The files.
        reader: The reader of the files.
        survey: The headers of the files; None reads them.

    Raises:
        MissingExtra: soundfile is not installed.
    """
    if reader.settings.cut not in ("all", "auto"):
        return index
    survey = Survey(index) if survey is None else survey
    counts = [
        _parts(index.file(item), survey.headers.get(item.path), reader) for item in index.items
    ]
    if all(count == 1 for count in counts) and reader.settings.cut == "auto":
        return index
    items = Items.of(
        replace(item, part=part, group=item.group or item.path)
        for item, count in zip(index.items, counts, strict=True)
        for part in range(count)
    )
    # The index of a single file has no stats.
    stats = np.repeat(index.stats, counts, axis=0) if len(index.stats) else index.stats
    return replace(index, items=items, stats=stats)


def _parts(path: Path, header: Header | None, reader: ClipReader) -> int:
    try:
        return 1 if header is None else reader.parts_of(path, header)
    except (DataError, MissingExtra):
        return 1


def _sixteen_bits(x: Samples) -> NDArray[np.int16]:
    steps: NDArray[Any] = np.rint(x * _FULL_SCALE)
    return steps.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
