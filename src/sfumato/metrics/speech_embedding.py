"""A trained embedding of sounds, with the optional package ``onnxruntime``.

Google's speech embedding (Lin et al. 2020, arXiv:2002.01322) in the form that openWakeWord gave it:
one file makes a mel spectrogram, another turns 76 of its frames into 96 numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError
from sfumato.metrics.extractor import Clips
from sfumato.metrics.identity import identity_of_bytes
from sfumato.metrics.onnx_model import onnxruntime, session
from sfumato.metrics.resampling import mono_at

MEL_FILE = "melspectrogram.onnx"
EMBEDDING_FILE = "embedding_model.onnx"

_VERSION = 1
_RATE = 16_000
_FULL_SCALE = np.float32(32_767)
# In frames of 10 ms.
_WINDOW = 76
_STEP = 8
_SIZE = 96
# A frame looks at 640 samples and moves by 160.
_LEAST_SAMPLES = 480 + 160 * _WINDOW
# Where the embedding expects its mel levels.
_SCALE, _SHIFT = np.float32(0.1), np.float32(2)
# About how much its numbers differ between sounds.
_UNIT = 10.0
_CLIPS = 16
_WINDOWS = 256

_Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class SpeechEmbedding:
    """The mean, and the standard deviation, of a trained embedding over a clip.

    Channels are averaged and resampled to 16 kHz. 96 numbers are taken from windows of 0.76 s, one
    every 80 ms, and divided by 10; a clip that is shorter is followed by silence. The vector holds
    the mean over the windows (96) and the standard deviation (96, zeros if there is one window).

    It was trained to spot words, so it hears speech best. The same clips give the same vectors; on
    another kind of processor they can differ in the last digits.

    Args:
        folder: Holds ``melspectrogram.onnx`` and ``embedding_model.onnx``.

    Raises:
        DataError: A file is missing, or cannot be read.
        MissingExtra: onnxruntime is not installed.
    """

    name = "speech-embedding"
    dimension = 2 * _SIZE

    def __init__(self, folder: Path) -> None:
        self._mel = _opened(folder / MEL_FILE)
        self._embedding = _opened(folder / EMBEDDING_FILE)
        files = (folder / MEL_FILE).read_bytes() + (folder / EMBEDDING_FILE).read_bytes()
        self._identity = identity_of_bytes(f"{self.name} {_VERSION}", files)

    @property
    def identity(self) -> str:
        """See :attr:`Extractor.identity`."""
        return self._identity

    def __call__(self, items: Clips) -> Tensor:
        """Turn clips into vectors, each for itself.

        Returns:
            float32, shape (B, 192).

        Raises:
            MissingExtra: soxr is not installed, and the rate is not 16 kHz.
        """
        clips, rate = items
        parts = [
            self._embedded(clips[low : low + _CLIPS], rate) for low in range(0, len(clips), _CLIPS)
        ]
        return torch.cat([torch.empty(0, self.dimension), *parts])

    def _embedded(self, clips: Tensor, rate: int) -> Tensor:
        sound = mono_at(_RATE, clips, rate).clip(-1, 1) * _FULL_SCALE
        missing = max(_LEAST_SAMPLES - sound.shape[1], 0)
        padded = np.pad(sound, ((0, 0), (0, missing)))
        # One by one: the model measures its levels from the loudest of all that it is given.
        mel = np.stack([self._mel(clip[None])[0, 0] for clip in padded]) * _SCALE + _SHIFT
        # Shape (B, windows, 32, 76) to (B * windows, 76, 32, 1).
        windows = np.lib.stride_tricks.sliding_window_view(mel, _WINDOW, axis=1)[:, ::_STEP]
        flat = windows.swapaxes(2, 3).reshape(-1, _WINDOW, mel.shape[2], 1)
        found = [
            self._embedding(flat[low : low + _WINDOWS]) for low in range(0, len(flat), _WINDOWS)
        ]
        vectors = np.concatenate(found).reshape(len(sound), -1, _SIZE) / _UNIT
        return torch.from_numpy(np.concatenate([vectors.mean(1), vectors.std(1)], 1))


def _opened(path: Path) -> _Run:
    """The model of a file, as a function of its one input."""
    package = onnxruntime("A trained audio embedding")
    if not path.is_file():
        raise DataError(f"There is no {path}.", hint="fetch the model 'audio-embedding' again.")
    model = session(package, str(path), path)
    name = model.get_inputs()[0].name

    def run(value: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.run(None, {name: value})[0], np.float32)

    return run
