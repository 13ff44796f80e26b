"""Stretches of long files, decoded in order.

The clips of a long recording are asked for one after another, by several threads. Looking for the
place of each in the file would take longer the later it is in some formats (MP3 has no index, and
AAC is decoded from the start), which sums to the square of the length. So the file stays open, and
a stretch continues where the last one ended.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

import numpy as np

from sfumato.errors import DataError
from sfumato.sound.fit import Samples, to_channels
from sfumato.sound.loudness import Loudness, measured
from sfumato.sound.open import audio_blocks, audio_header, refuse_unusable
from sfumato.sound.source import Header

# Threads ask for up to 64 items that are not in order.
_KEPT_STRETCHES = 64
_KEPT_BYTES, _ALL_BYTES = 128 << 20, 256 << 20
# A file that goes on later than this is entered there instead of decoded up to there.
_GAP_SECONDS = 60.0
_OPEN_FILES = 16


class LongFile:
    """A file whose stretches are read roughly in order, mixed to some channels.

    Args:
        path: The file.
        channels: 1 or 2, see :func:`to_channels`.
        max_seconds: Refuse a file that is longer.

    Raises:
        DataError: The file cannot be read.
        MissingExtra: The package that decodes it is not installed.
    """

    def __init__(self, path: Path, channels: int, max_seconds: float) -> None:
        self.header: Header = audio_header(path)
        self._path, self._channels, self._max_seconds = path, channels, max_seconds
        self._lock = Lock()
        self._loudness: Loudness | None = None
        self._stream: Iterator[Samples] | None = None
        self._kept: deque[Samples] = deque()
        # The places of the first sample that is kept, and of the one after the last.
        self._first = self._end = 0
        self._complete = False

    @property
    def loudness(self) -> Loudness:
        """How loud the whole file is; the first use decodes it once, in blocks."""
        with self._lock:
            if self._loudness is None:
                self._loudness = measured(self._mixed(0.0), self.header.rate)
            return self._loudness

    def read(self, begin: int, count: int) -> Samples:
        """Samples of shape (C, n), n <= count, fewer only at the end of the file.

        Raises:
            DataError: The file ends before, or the samples are silent or not finite.
        """
        with self._lock:
            if begin < self._first or begin > self._end + _GAP_SECONDS * self.header.rate:
                self._enter(begin)
            self._decode(begin, begin + count)
            part = self._taken(begin, begin + count)
        if begin > 0 and not part.shape[1]:
            raise refused(self._path, "it ends before the requested stretch")
        try:
            refuse_unusable(part, complete=begin == 0 and part.shape[1] < count)
        except ValueError as error:
            raise refused(self._path, str(error)) from error
        return part

    @property
    def kept_bytes(self) -> int:
        """Size of the decoded samples in memory."""
        return 4 * self._channels * (self._end - self._first)

    def close(self) -> None:
        """Close the file; it is opened again when it is read."""
        with self._lock:
            self._enter(0)

    def _enter(self, begin: int) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()  # type: ignore[attr-defined]  # a generator
        self._kept.clear()
        self._first = self._end = begin
        self._complete = False

    def _decode(self, begin: int, end: int) -> None:
        """Decode up to a place, and let go of blocks before ``begin`` that nobody asks for."""
        most = min(_KEPT_STRETCHES * (end - begin), _KEPT_BYTES // (4 * self._channels))
        while self._end < end and not self._complete:
            if self._stream is None:
                self._stream = self._mixed(self._end / self.header.rate)
            block = next(self._stream, None)
            if block is None:
                self._stream, self._complete = None, True
                return
            self._kept.append(block)
            self._end += block.shape[1]
            unwanted = min(begin, self._end - most)
            while self._kept and self._first + self._kept[0].shape[1] <= unwanted:
                self._first += self._kept.popleft().shape[1]

    def _mixed(self, start: float) -> Iterator[Samples]:
        for block in audio_blocks(self._path, self._max_seconds, start):
            yield to_channels(np.ascontiguousarray(block.T), self._channels)

    def _taken(self, begin: int, end: int) -> Samples:
        """A copy of what is kept between two places."""
        pieces = [np.zeros((self._channels, 0), np.float32)]
        place = self._first
        for block in self._kept:
            low, high = max(begin - place, 0), min(end - place, block.shape[1])
            if low < high:
                pieces.append(block[:, low:high])
            place += block.shape[1]
        return np.concatenate(pieces, axis=1)


class LongFiles:
    """The files that were read last, of which at most 16, and 256 MiB of samples, are kept.

    Args:
        open: Opens a file.
    """

    def __init__(self, open: Callable[[Path], LongFile]) -> None:
        self._open = open
        self._lock = Lock()
        self._files: OrderedDict[tuple[Path, int, int], LongFile] = OrderedDict()

    def __call__(self, path: Path) -> LongFile:
        """The file at a path; one that has changed is opened again.

        Raises:
            DataError: The file cannot be read.
            MissingExtra: The package that decodes it is not installed.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise refused(path, error.strerror or str(error)) from error
        key = path, status.st_size, status.st_mtime_ns
        with self._lock:
            file = self._files.get(key)
            if file is None:
                file = self._files[key] = self._open(path)
            self._files.move_to_end(key)
            closing = []
            while len(self._files) > 2 and (
                len(self._files) > _OPEN_FILES
                or sum(each.kept_bytes for each in self._files.values()) > _ALL_BYTES
            ):
                closing.append(self._files.popitem(last=False)[1])
        for each in closing:
            each.close()
        return file


def refused(path: Path, reason: str) -> DataError:
    """The error for a file, or a part of one, that is set aside."""
    return DataError(
        f"'{path}' cannot be read as audio.",
        why=reason,
        hint="repair the file, take it out of the folder, or cut it in another way.",
    )
