"""What a run uses of its audio files, in rows that training and ``sfumato data check`` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sfumato.data.dataset import Dataset
from sfumato.media.audio.reader import ClipReader, too_soft
from sfumato.media.audio.settings import AudioSettings
from sfumato.media.audio.survey import Survey, counted, seconds_of
from sfumato.sound.fit import stretches
from sfumato.sound.source import Header

_AT_ONCE = 256


class Spread(NamedTuple):
    """The least, the median and the greatest of some numbers."""

    least: float
    median: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of some numbers; zeros if there are none."""
    if not values:
        return Spread(0.0, 0.0, 0.0)
    low, middle, high = np.quantile(values, (0.0, 0.5, 1.0)).round(4).tolist()
    return Spread(low, middle, high)


def reading(dataset: Dataset, reader: ClipReader, survey: Survey) -> Iterator[tuple[str, str]]:
    """Rows about the files, and about what is used of them.

    Args:
        dataset: The clips.
        reader: The reader that read them.
        survey: The headers of the files.
    """
    settings = reader.settings
    headers = survey.of_files(item.path for item in dataset.items)
    seconds = [length for length in map(seconds_of, headers) if length is not None]
    yield "read as", read_as(settings)
    low, middle, high = spread(seconds)
    durations = f"{low:.2f} to {high:.2f} s, median {middle:.2f}"
    yield "durations", f"{durations}; {_clock(sum(seconds))} in all"
    yield "used", "\n".join(_used(seconds, settings))
    if soft := sum(one.reason == too_soft(settings) for one in dataset.rejected):
        yield "too soft", f"{soft:,} x {too_soft(settings)} (medium.floor)"
    low, middle, high = spread(_ends(dataset, reader))
    yield "clips end", f"after {low:.2f} to {high:.2f} s, median {middle:.2f}"
    yield "rates", "\n".join(_rates(headers, settings))
    if notes := Counter(header.note for header in headers if header.note):
        yield "repaired", "\n".join(f"{count:,} x {note}" for note, count in notes.most_common())


def read_as(settings: AudioSettings) -> str:
    """How clips are read, for a row of a report."""
    return (
        f"{settings.seconds:g} s, {settings.channels}, {settings.rate:,} Hz, "
        f"cut {settings.cut}, level {settings.level}"
    )


def in_words(counts: Mapping[str, int]) -> str:
    """Values with their counts, for a row of a report."""
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


def _used(seconds: Sequence[float], settings: AudioSettings) -> Iterator[str]:
    """How much of the files is used."""
    length = settings.seconds
    longer = [duration for duration in seconds if duration > length]
    whole = [duration for duration in longer if settings.uses_all(duration)]
    cut = [duration for duration in longer if not settings.uses_all(duration)]
    total = sum(seconds)
    if not longer:
        yield f"all of {_clock(total)}"
        return
    yield f"{_clock(total - sum(cut) + length * len(cut))} of {_clock(total)}"
    if whole:
        clips = sum(
            stretches(round(duration * settings.rate), settings.samples) for duration in whole
        )
        yield (
            f"{_recordings(whole)} used whole, as {clips:,} clips (as by medium.cut=all; "
            f"medium.cut=start uses the first {length:g} s of each)"
        )
    if cut:
        one = len(cut) == 1
        yield (
            f"{len(cut):,} {'file is' if one else 'files are'} longer than a clip, and {length:g} s"
            f" of {'it' if one else 'each'} {'is' if one else 'are'} used (medium.cut=all uses the "
            f"whole, medium.seconds=... sets the length)"
        )


def _recordings(seconds: Sequence[float]) -> str:
    low, high = min(seconds), max(seconds)
    durations = f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
    if len(seconds) == 1:
        return f"1 recording of {durations} s is"
    return f"{len(seconds):,} recordings of {durations} s are"


def _rates(headers: Sequence[Header], settings: AudioSettings) -> Iterator[str]:
    yield in_words(counted(f"{header.rate} Hz" for header in headers))
    lower = [header.rate for header in headers if header.rate < settings.rate]
    if lower:
        yield (
            f"{len(lower):,} of {len(headers):,} files have a rate below {settings.rate:,} Hz and "
            f"hold nothing above {min(lower) // 2:,} Hz (medium.rate={min(lower)} fits all)"
            if len(set(lower)) == 1
            else f"{len(lower):,} of {len(headers):,} files have rates below {settings.rate:,} Hz, "
            f"the lowest {min(lower):,} Hz, and hold nothing above half of their rates"
        )


def _ends(dataset: Dataset, reader: ClipReader) -> list[float]:
    """The lengths of all clips up to the last sample that is not zero, in seconds."""
    ends: list[float] = []
    for low in range(0, len(dataset), _AT_ONCE):
        clips = np.asarray(dataset.array[low : low + _AT_ONCE])
        ends += (reader.lengths(clips) / reader.settings.rate).tolist()
    return ends


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
