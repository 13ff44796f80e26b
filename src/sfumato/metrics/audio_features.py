"""Extractors of audio clips: a trained speech embedding, and the log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from sfumato.dsp import log_mel
from sfumato.errors import DataError
from sfumato.metrics.extractor import Clips, identity_of, identity_of_bytes
from sfumato.metrics.onnx_model import onnxruntime, session

MEL_FILE = "melspectrogram.onnx"
EMBEDDING_FILE = "embedding_model.onnx"

_RATE = 16_000
_FULL_SCALE = np.float32(32_767)
# In frames of 10 ms.
_WINDOW = 76
_STEP = 8
_SIZE = 96
# A frame covers 640 samples and moves by 160.
_LEAST_SAMPLES = 480 + 160 * _WINDOW
# The mel levels that the embedding expects.
_SCALE, _SHIFT = np.float32(0.1), np.float32(2)
# About how much the embedding's numbers differ between clips.
_UNIT = 10.0
_CLIPS = 16
_WINDOWS = 256

_BANDS = 64
_PITCHES = 16
_TIMES = 16
_FRAME, _HOP = 0.025, 0.010
# The middle of the range of log_mel, and the unit of the features.
_MIDDLE_DECIBELS, _UNIT_DECIBELS = -40.0, 20.0
# Samples at a time; their spectra take some ten times as much memory.
_PIECE = 1 << 21

_Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class SpeechEmbedding:
    """The mean and the standard deviation of a trained embedding over a clip, by ``onnxruntime``.

    Google's speech embedding (Lin et al. 2020, arXiv:2002.01322) in the form that openWakeWord gave
    it: one file computes a mel spectrogram, another turns 76 of its frames into 96 numbers.

    Channels are averaged and resampled to 16 kHz. 96 numbers are computed from windows of 0.76 s,
    one every 80 ms, and divided by 10; shorter clips are padded with silence. The vector holds the
    mean over the windows (96) and the standard deviation (96, zeros if there is one window).

    The embedding was trained to spot words, so it suits speech best. The same clips give the same
    vectors; on another kind of processor they can differ in the last digits.

    Args:
        folder: Holds ``melspectrogram.onnx`` and ``embedding_model.onnx``.

    Raises:
        DataError: A file is missing, or cannot be read.
        MissingExtra: onnxruntime is not installed.
    """

    name = "speech-embedding"
    dimension = 2 * _SIZE

    def __init__(self, folder: Path) -> None:
        self._mel = _model(folder / MEL_FILE)
        self._embedding = _model(folder / EMBEDDING_FILE)
        files = (folder / MEL_FILE).read_bytes() + (folder / EMBEDDING_FILE).read_bytes()
        self.identity = identity_of_bytes(f"{self.name} 1", files)

    def __call__(self, items: Clips) -> Tensor:
        """Turn clips into vectors; each vector depends on its own clip only.

        Returns:
            float32, shape (B, 192).

        Raises:
            MissingExtra: soxr is not installed, and the rate is not 16 kHz.
        """
        parts = [torch.empty(0, self.dimension)]
        for low in range(0, len(items.samples), _CLIPS):
            piece = items._replace(samples=items.samples[low : low + _CLIPS])
            parts.append(self._vectors(piece.mono_at(_RATE)))
        return torch.cat(parts)

    def _vectors(self, waveforms: NDArray[np.float32]) -> Tensor:
        missing = max(_LEAST_SAMPLES - waveforms.shape[1], 0)
        padded = np.pad(waveforms.clip(-1, 1) * _FULL_SCALE, ((0, 0), (0, missing)))
        # One by one, because the model measures levels relative to the loudest clip of its input.
        mel = np.stack([self._mel(clip[None])[0, 0] for clip in padded]) * _SCALE + _SHIFT
        # Shape (B, windows, 32, 76) to (B * windows, 76, 32, 1).
        windows = np.lib.stride_tricks.sliding_window_view(mel, _WINDOW, axis=1)[:, ::_STEP]
        flat = windows.swapaxes(2, 3).reshape(-1, _WINDOW, mel.shape[2], 1)
        parts = [
            self._embedding(flat[low : low + _WINDOWS]) for low in range(0, len(flat), _WINDOWS)
        ]
        vectors = np.concatenate(parts).reshape(len(padded), -1, _SIZE) / _UNIT
        return torch.from_numpy(np.concatenate([vectors.mean(1), vectors.std(1)], 1))


def _model(path: Path) -> _Run:
    """The model of a file, as a function of its one input."""
    package = onnxruntime("A trained audio embedding")
    if not path.is_file():
        raise DataError(f"There is no {path}.", hint="fetch the model 'audio-embedding' again.")
    model = session(package, str(path), path)
    name = model.get_inputs()[0].name

    def run(value: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.run(None, {name: value})[0], np.float32)

    return run


class LogMel:
    """The log-mel spectrogram, pooled: timbre and time course, without a trained model.

    The levels of :func:`sfumato.dsp.log_mel` in 64 bands, every 10 ms, at least -80 dB, give

    - the mean over time of every band (64), and its standard deviation (64): the timbre;
    - the means over a grid of 16 x 16 cells (256) that covers all bands and the whole clip: the
      course of the clip, in steps of 1/16 of its length.

    Means are shifted so that -40 dB is 0, and everything is in units of 20 dB, so that entries are
    between -2 and about 2. For clips with several channels the vectors of the channels are
    averaged, so that left and right can change places and nothing cancels; the stereo width is not
    measured.

    Suits clips of about 0.1 to 10 s. Vectors can be compared if the clips have one rate and one
    length: the bands reach up to half the rate, and the grid spans the clip with the silence at its
    end.
    """

    name = "log-mel"
    identity = identity_of("log-mel 1", {})
    dimension = 2 * _BANDS + _PITCHES * _TIMES

    def __call__(self, items: Clips) -> Tensor:
        """Turn clips into vectors; each vector depends on its own clip only.

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
    levels = (log_mel(x, rate, _BANDS, _FRAME, _HOP) - _MIDDLE_DECIBELS) / _UNIT_DECIBELS
    spread = levels.std(-1, correction=0)
    grid = adaptive_avg_pool2d(levels, (_PITCHES, _TIMES))
    return torch.cat([levels.mean(-1), spread, grid.flatten(-2)], -1)
