"""A look at a set of sounds before training on it: what is there, what is wrong, what a run hears.

Checking decodes everything, and the cache it fills is the one a run with the same settings uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.errors import DataError
from sfumato.media.audio.medium import AudioMedium
from sfumato.media.audio.open import AUDIO, Header, read_sound, sound_header
from sfumato.media.audio.reader import ClipReader, divided
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.data.building import Progress, entries_now, open_or_build
from sfumato.media.data.dataset import Dataset
from sfumato.media.data.digests import Changes, Entry
from sfumato.media.data.index import Index, scan
from sfumato.media.data.walk import Rejected

_SHOWN = 24
_AT_ONCE = 256
_LOOKED_AT_SECONDS = 60.0
_FULL_SCALE = 32768


class Spread(NamedTuple):
    """The least, the middle and the greatest of some numbers."""

    least: float
    median: float
    most: float


@dataclass(frozen=True)
class AudioReport:
    """What :func:`check` found.

    Attributes:
        root: The folder.
        settings: As a run would use them, with ``channels`` settled.
        count: Clips that can be used.
        files: Files that they come from.
        seconds: Of the files as their headers state them, in seconds.
        total: All of them together, in seconds.
        lengths: Of the clips as a run hears them, up to their last sound, in seconds.
        longer: Files of which a part is left out, since they are longer than a clip.
        rates: How many files have each rate, in Hz.
        channels: How many files have each number of channels.
        formats: How many files are of each format.
        levels: Root mean square of the clips as a run hears them, up to their ends, in dB relative
            to full scale.
        clipped: Files of which, in their first minute, three samples in a row or more lie at full
            scale; clips do not tell, as they are brought to a level of their own.
        labels: How many clips each class has; empty without labels.
        captions: How many clips have one.
        groups: How many are independent: groups of near-duplicates count as one.
        duplicates: Pairs of names whose clips are the same.
        rejected: What was set aside, and why: silent and broken files too.
        changes: Files that differ from those that were read before, if they were.
        fingerprint: Of the data.
        contact_sheet: Up to 24 clips, evenly spaced: waveforms and spectrograms.
    """

    root: Path
    settings: AudioSettings
    count: int
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
    labels: dict[str, int]
    captions: int
    groups: int
    duplicates: tuple[tuple[str, str], ...]
    rejected: tuple[Rejected, ...]
    changes: Changes
    fingerprint: str
    contact_sheet: Image.Image

    def to_json(self) -> dict[str, Any]:
        """Everything but the contact sheet, as plain JSON values."""
        plain = {name: value for name, value in vars(self).items() if name != "contact_sheet"}
        return {
            **plain,
            "root": str(self.root),
            "settings": self.settings.model_dump(mode="json"),
            **{name: plain[name]._asdict() for name in ("seconds", "lengths", "levels")},
            "changes": self.changes.to_json(),
            "duplicates": [list(pair) for pair in self.duplicates],
            "rejected": [rejected._asdict() for rejected in self.rejected],
        }


def check(
    path: Path,
    settings: AudioSettings,
    cache_dir: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> AudioReport:
    """Read a folder of sounds as a run would, and report.

    Raises:
        MissingExtra: A package that reads sounds is not installed.
        DataError: There is nothing that can be used.
        DiskFull: There is no room for the cache.
    """
    files = scan(path, AUDIO)
    settings = settings.resolve(files)
    medium = AudioMedium(settings)
    data = open_or_build(divided(files, medium), medium, cache_dir, progress)
    headers = _headers(files, data)
    seconds = [header.frames / header.rate for header in headers if header.frames is not None]
    lengths, levels = _heard(data, medium)
    return AudioReport(
        root=files.root,
        settings=settings,
        count=len(data),
        files=len(headers),
        seconds=_spread(seconds),
        total=round(sum(seconds), 3),
        lengths=_spread(lengths),
        longer=sum(length > settings.seconds for length in seconds) if settings.cut != "all" else 0,
        rates=_counted(f"{header.rate} Hz" for header in headers),
        channels=_counted(str(header.channels) for header in headers),
        formats=_counted(f"{header.format} {header.subtype}" for header in headers),
        levels=_spread(levels),
        clipped=sum(_cut_off(path, settings) for path in _used(files, data)),
        labels=data.label_counts,
        captions=sum(item.caption is not None for item in data.items),
        groups=len({item.group or item.path for item in data.items}),
        duplicates=data.duplicates,
        rejected=data.rejected,
        changes=data.changes,
        fingerprint=data.fingerprint,
        contact_sheet=_sheet(data, medium),
    )


def entries(folder: Path, settings: AudioSettings) -> Iterator[Entry]:
    """The identity of every clip of a folder as it is now; files that changed are read.

    Raises:
        MissingExtra: A package that reads audio files is not installed.
        DataError: There is nothing that can be used.
    """
    reader = ClipReader(settings)
    return entries_now(divided(scan(folder, AUDIO), reader), reader)


def _used(files: Index, data: Dataset) -> list[Path]:
    """The files that clips come from."""
    used = {item.path for item in data.items}
    return [files.file(item) for item in files.items if item.path in used]


def _headers(files: Index, data: Dataset) -> list[Header]:
    headers = []
    for path in _used(files, data):
        try:
            headers.append(sound_header(path))
        except DataError:
            continue  # It was decoded a moment ago: someone took it away since.
    return headers


def _heard(data: Dataset, medium: AudioMedium) -> tuple[list[float], list[float]]:
    """Lengths in seconds and loudness in dB of all clips."""
    lengths: list[float] = []
    levels: list[float] = []
    for low in range(0, len(data), _AT_ONCE):
        clips: NDArray[np.int16] = np.asarray(data.array[low : low + _AT_ONCE])
        ends = np.maximum(medium.lengths(clips), 1)
        lengths += (ends / medium.settings.rate).tolist()
        energy = np.square(clips / _FULL_SCALE).mean(axis=1).sum(axis=1)
        levels += (10 * np.log10(np.maximum(energy / ends, 1e-12))).tolist()
    return lengths, levels


def _cut_off(path: Path, settings: AudioSettings) -> bool:
    try:
        sound = read_sound(path, settings.max_seconds, seconds=_LOOKED_AT_SECONDS)
    except DataError:
        return False  # Its first minute is silent.
    # One or two samples at full scale happen; three in a row were most likely cut off there.
    full = np.abs(sound.samples) >= 1 - 1 / _FULL_SCALE
    return bool((full[:, 2:] & full[:, 1:-1] & full[:, :-2]).any())


def _sheet(data: Dataset, medium: AudioMedium) -> Image.Image:
    shown = np.unique(np.linspace(0, len(data) - 1, _SHOWN).round().astype(np.int64))
    clips = data.gather(shown)[0].astype(np.float32) / _FULL_SCALE
    names = [_caption(data, number) for number in shown]
    return medium.sheet(list(clips), names)


def _caption(data: Dataset, number: int) -> str:
    item = data.items[number]
    return item.label or Path(item.name).name


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _spread(values: Sequence[float]) -> Spread:
    if not values:
        return Spread(0.0, 0.0, 0.0)
    low, middle, high = np.quantile(values, (0.0, 0.5, 1.0)).round(4).tolist()
    return Spread(low, middle, high)
