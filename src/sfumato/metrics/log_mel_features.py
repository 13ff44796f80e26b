"""Sounds as vectors without a trained model: their mel spectrograms, pooled."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from sfumato.dsp.mel import log_mel
from sfumato.metrics.extractor import Clips
from sfumato.metrics.identity import identity_of

_VERSION = 1
_BANDS = 64
_PITCHES = 16
_TIMES = 16
_WINDOW = 0.025
_HOP = 0.010
# Decibels: the middle of the range of log_mel, and what counts as one unit.
_MIDDLE = -40.0
_UNIT = 20.0
# Samples of sound at a time; their spectra take some ten times as much.
_PIECE = 1 << 21


class LogMel:
    """The log-mel spectrogram, pooled: timbre and time course, without a trained model.

    The levels of :func:`sfumato.dsp.mel.log_mel` in 64 bands, every 10 ms, at least -80 dB, give

    - the mean over time of every band (64), and its standard deviation (64): the timbre;
    - the means over a grid of 16 x 16 cells (256) that covers all bands and the whole clip: the
      course of the sound, in steps of 1/16 of the clip's length.

    A mean is shifted so that -40 dB is 0, and everything is in units of 20 dB, so that entries are
    between -2 and about 2. Of clips with several channels the mean of the channels' vectors counts,
    so that left and right can change places and nothing cancels; width is not heard.

    Suits clips of about 0.1 to 10 s. Vectors can be compared if the clips have one rate and one
    length: the bands reach up to half the rate, and the grid spans the clip with the silence at its
    end.
    """

    name = "log-mel"
    identity = identity_of(f"log-mel {_VERSION}", {})
    dimension = 2 * _BANDS + _PITCHES * _TIMES

    def __call__(self, items: Clips) -> Tensor:
        """Turn clips into vectors, each for itself.

        Returns:
            float32, shape (B, 384).

        Raises:
            ValueError: The clips have no samples.
        """
        clips, rate = items
        _, channels, samples = clips.shape
        step = max(_PIECE // max(channels * samples, 1), 1)
        parts = [
            _pooled(clips[low : low + step].float(), rate).mean(1)
            for low in range(0, len(clips), step)
        ]
        return torch.cat([clips.new_empty(0, self.dimension, dtype=torch.float32), *parts])


def _pooled(x: Tensor, rate: int) -> Tensor:
    """Shape (..., N) to (..., 384)."""
    levels = (log_mel(x, rate, _BANDS, _WINDOW, _HOP) - _MIDDLE) / _UNIT
    spread = levels.std(-1, correction=0)
    grid = adaptive_avg_pool2d(levels, (_PITCHES, _TIMES))
    return torch.cat([levels.mean(-1), spread, grid.flatten(-2)], -1)
