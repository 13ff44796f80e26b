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
    durations = _durations(dataset, survey, settings.seconds)
    yield "read as", read_as(settings)
    low, middle, high = spread(list(durations.values()))
    span = f"{low:.2f} to {high:.2f} s, median {middle:.2f}"
    yield "durations", f"{span}; {_clock(sum(durations.values()))} in all"
    yield "used", "\n".join(_used(dataset, durations, settings))
    if soft := _soft(dataset, settings):
        yield "without sound", "\n".join(f"{count:,} x {why}" for why, count in soft.most_common())
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


def _used(
    dataset: Dataset, durations: Mapping[str, float], settings: AudioSettings
) -> Iterator[str]:
    """How much of the files is used.

    Args:
        dataset: The clips.
        durations: The duration of each file, by its path.
        settings: How they are read.
    """
    length = settings.seconds
    whole = {path for path, seconds in durations.items() if settings.uses_all(seconds)}
    cut = {path for path, seconds in durations.items() if seconds > length} - whole
    total, clips = sum(durations.values()), sum(item.path in whole for item in dataset.items)
    used = min(clips * length, sum(durations[path] for path in whole)) + len(cut) * length
    used += sum(seconds for path, seconds in durations.items() if path not in whole | cut)
    yield f"{_clock(used)} of {_clock(total)}"
    longer = [durations[path] for path in whole if durations[path] > length]
    if longer:
        yield (
            f"{_recordings(longer)} used whole, as {clips:,} clips "
            f"(as by medium.cut=all; medium.cut=start uses the first {length:g} s of each)"
        )
    if cut:
        files = "1 file is" if len(cut) == 1 else f"{len(cut):,} files are"
        yield (
            f"{files} longer than a clip and {length:g} s of each is used "
            f"(medium.cut=all uses the whole, medium.seconds=... sets the length)"
        )


def _durations(dataset: Dataset, survey: Survey, length: float) -> dict[str, float]:
    """The durations of the files of a data set in seconds, by their paths.

    Where a header does not state the duration, it is that of the clips of the file.
    """
    found = {}
    for path, clips in Counter(item.path for item in dataset.items).items():
        header = survey.headers.get(path)
        stated = None if header is None else seconds_of(header)
        found[path] = clips * length if stated is None else stated
    return found


def _soft(dataset: Dataset, settings: AudioSettings) -> Counter[str]:
    """Number of clips that are set aside because they are silent or soft, by reason."""
    reasons = (one.reason.partition(":")[0] for one in dataset.rejected)
    known = {"that stretch is silent"} | ({too_soft(settings)} if settings.floor else set())
    return Counter(why for why in reasons if why in known)


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
        clips, _ = dataset.gather(np.arange(low, min(low + _AT_ONCE, len(dataset))))
        ends += (reader.lengths(clips) / reader.settings.rate).tolist()
    return ends


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
