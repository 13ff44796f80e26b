"""How loud a file is: in frames of 50 ms over its whole length, and at its loudest.

Loudness is measured in windows of 400 ms, so that a click in a long soft recording counts for
little, and without what is constant within a frame, so that the offset of a recorder does not
count. The power of all channels is averaged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.sound.fit import Samples

_FRAME_SECONDS = 0.05
_WINDOW_SECONDS = 0.4
_ABSURD = 2.0**32


class Loudness(NamedTuple):
    """The loudness of a file.

    Attributes:
        rate: Sampling rate in Hz.
        length: Samples per channel.
        powers: Mean square in each frame of 50 ms, float64; what is missing of the last one counts
            as silence.
    """

    rate: int
    length: int
    powers: NDArray[np.float64]

    @property
    def frame(self) -> int:
        """Number of samples in a frame."""
        return _frame(self.rate)

    def loudest(self, seconds: float = _WINDOW_SECONDS) -> float:
        """The mean square in the loudest 400 ms, or in a shorter window."""
        count = max(1, round(min(seconds, _WINDOW_SECONDS) / _FRAME_SECONDS))
        total = np.concatenate([[0.0], np.cumsum(self.powers)])
        # Silence follows the end, so that short sounds and long ones are measured alike.
        ends = np.minimum(np.arange(len(self.powers)) + count, len(self.powers))
        sums = total[ends] - total[:-1]
        return float(sums.max(initial=0.0) / count)

    def sounding(self, least: float) -> tuple[int, int]:
        """The first and the last sample of the frames whose mean square reaches ``least``."""
        loud = np.flatnonzero(self.powers >= least)
        if not len(loud):
            return 0, self.length
        return int(loud[0]) * self.frame, min((int(loud[-1]) + 1) * self.frame, self.length)


def measured(blocks: Iterable[Samples], rate: int) -> Loudness:
    """Measure consecutive blocks of shape (C, n), holding one in memory at a time.

    Samples that are not finite, or absurdly large, count as silence.
    """
    frame = _frame(rate)
    powers: list[NDArray[np.float64]] = []
    rest: Samples | None = None
    length = 0
    for block in blocks:
        length += block.shape[1]
        x = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = x.shape[1] // frame * frame
        powers.append(_powers(x[:, :whole], frame))
        rest = x[:, whole:]
    if rest is not None and rest.shape[1]:
        share = rest.shape[1] / frame
        powers.append(_powers(rest, rest.shape[1]) * share)
    return Loudness(rate, length, np.concatenate(powers) if powers else np.zeros(0))


def _powers(x: Samples, frame: int) -> NDArray[np.float64]:
    """The mean square of each frame of ``x``, whose length is a multiple of a frame."""
    frames = x.reshape(len(x), -1, frame).astype(np.float64)
    frames[~(np.abs(frames) <= _ABSURD)] = 0.0
    power: NDArray[np.float64] = frames.var(axis=2).mean(axis=0)
    return power


def _frame(rate: int) -> int:
    return max(1, round(_FRAME_SECONDS * rate))
