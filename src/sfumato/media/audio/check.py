"""Reports on sets of audio: as they are stored, and as a run would read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.data.dataset import Dataset
from sfumato.data.index import Index
from sfumato.errors import DataError
from sfumato.media.audio.picture import sheet
from sfumato.media.audio.reader import ClipReader
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.audio.survey import Survey, counted, seconds_of
from sfumato.media.audio.usage import Spread, in_words, reading, spread
from sfumato.media.report import NumberReport, items_in_words
from sfumato.sound.open import read_audio

_SHOWN = 24
_AT_ONCE = 256
_CHECKED_SECONDS = 60.0
_FULL_SCALE = 32768


@dataclass(frozen=True)
class AudioReport(NumberReport):
    """A report on a folder of audio.

    Attributes:
        files: Number of files that the clips come from.
        seconds: Lengths of the files as their headers state them, in seconds.
        total: Length of all files together, in seconds.
        lengths: Lengths of the clips as a run reads them, up to their last sample that is not zero,
            in seconds.
        longer: Number of files that are longer than a clip, so that a part is left out.
        rates: Number of files of each rate, in Hz.
        channels: Number of files with each number of channels.
        formats: Number of files of each format.
        levels: Root mean square of the clips as a run reads them, up to their ends, in dB relative
            to full scale.
        clipped: Number of files with three or more samples in a row at full scale in their first
            minute; counted in the files, as the level of clips is normalised.
        rows_of_use: The rows that training prints as well.
        contact_sheet: Up to 24 clips, evenly spaced: waveforms and spectrograms.
    """

    settings: AudioSettings
    files: int
    seconds: Spread
    total: float
    lengths: Spread
    longer: int
    rates: dict[str, int]
    channels: dict[str, int]
    formats: dict[str, int]
    levels: Spread
    clipped: int
    rows_of_use: tuple[tuple[str, str], ...]
    contact_sheet: Image.Image

    def to_json(self) -> dict[str, Any]:
        """See :meth:`NumberReport.to_json`."""
        plain = super().to_json()
        del plain["contact_sheet"], plain["rows_of_use"]
        return plain | {name: plain[name]._asdict() for name in ("seconds", "lengths", "levels")}

    def _own_rows(self) -> Iterator[tuple[str, str]]:
        clips = items_in_words(self.count, self.groups)
        yield "audio clips", f"{clips} of {self.files:,} files"
        yield from self.rows_of_use
        yield "channels", in_words(self.channels)
        yield "stored as", in_words(self.formats)
        low, middle, high = self.levels
        yield "loudness", f"{low:.0f} to {high:.0f} dB, median {middle:.0f}"
        yield "clipped", f"{self.clipped:,}"


def report(files: Index, dataset: Dataset, reader: ClipReader, survey: Survey) -> AudioReport:
    """Describe a set of audio.

    Args:
        files: The files.
        dataset: Their clips.
        reader: The reader that read them.
        survey: The headers of the files.
    """
    settings = reader.settings
    headers = survey.of_files(item.path for item in dataset.items)
    seconds = [length for length in map(seconds_of, headers) if length is not None]
    lengths, levels = _lengths_and_levels(dataset, reader)
    return AudioReport.of(
        files.root,
        settings,
        dataset,
        files=len(headers),
        seconds=spread(seconds),
        total=round(sum(seconds), 3),
        lengths=spread(lengths),
        longer=sum(s > settings.seconds and not settings.uses_all(s) for s in seconds),
        rates=counted(f"{header.rate} Hz" for header in headers),
        channels=counted(str(header.channels) for header in headers),
        formats=counted(f"{header.format} {header.subtype}" for header in headers),
        levels=spread(levels),
        clipped=sum(_is_clipped(path, settings) for path in _used(files, dataset)),
        rows_of_use=tuple(reading(dataset, reader, survey)),
        contact_sheet=_sheet(dataset, settings.rate),
    )


def _used(files: Index, data: Dataset) -> list[Path]:
    """The files that clips come from, each once."""
    return [files.root / path for path in dict.fromkeys(item.path for item in data.items)]


def _lengths_and_levels(data: Dataset, reader: ClipReader) -> tuple[list[float], list[float]]:
    """Lengths in seconds and loudness in dB of all clips."""
    lengths: list[float] = []
    levels: list[float] = []
    for low in range(0, len(data), _AT_ONCE):
        clips: NDArray[np.int16] = np.asarray(data.array[low : low + _AT_ONCE])
        ends = np.maximum(reader.lengths(clips), 1)
        lengths += (ends / reader.settings.rate).tolist()
        energy = np.square(clips / _FULL_SCALE).mean(axis=1).sum(axis=1)
        levels += (10 * np.log10(np.maximum(energy / ends, 1e-12))).tolist()
    return lengths, levels


def _is_clipped(path: Path, settings: AudioSettings) -> bool:
    try:
        audio = read_audio(path, settings.max_seconds, seconds=_CHECKED_SECONDS)
    except DataError:
        return False  # Its first minute is silent.
    # One or two samples at full scale happen; three in a row were most likely clipped.
    full = np.abs(audio.samples) >= 1 - 1 / _FULL_SCALE
    return bool((full[:, 2:] & full[:, 1:-1] & full[:, :-2]).any())


def _sheet(data: Dataset, rate: int) -> Image.Image:
    shown = np.unique(np.linspace(0, len(data) - 1, _SHOWN).round().astype(np.int64))
    clips = data.gather(shown)[0].astype(np.float32) / _FULL_SCALE
    names = [_caption(data, number) for number in shown]
    return sheet(list(clips), rate, names)


def _caption(data: Dataset, number: int) -> str:
    item = data.items[number]
    return item.label or Path(item.name).name
