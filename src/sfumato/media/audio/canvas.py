"""Whole sounds for editing, and the canvas: the part of one that a model restores.

A sound is read whole, with the channels and the rate of the run. Unlike in training its level and a
constant offset stay: a canvas is scaled to the level of training, and what is made of it is scaled
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError, SettingError
from sfumato.media.audio.settings import AudioSettings
from sfumato.sound.clipping import at_rate, clipped
from sfumato.sound.fit import Samples, levelled, resampled, stretch, to_channels
from sfumato.sound.open import audio_header, read_audio

_CHANNELS = {"mono": 1, "stereo": 2}
_LONGEST_SECONDS = 1800.0
# What is made in one piece, in windows of the model.
_MOST_WINDOWS = 128
# Samples on either side of a cut peak that the filter of the resampler has mixed with it.
_MARGIN = 4
# Three steps of 16 bits: softer audio is only noise and rounding.
_SILENCE = 1e-4


@dataclass(frozen=True, eq=False)
class Sound:
    """A file as it is edited.

    Attributes:
        samples: Shape (C, N), at the rate of the run; within [-1, 1], to which a louder file is
            reduced.
        cut: Samples at which peaks were cut off, bool, shape (C, N).
    """

    samples: Samples
    cut: NDArray[np.bool_]

    @property
    def length(self) -> int:
        """N."""
        return int(self.samples.shape[1])

    @classmethod
    def read(cls, path: Path, settings: AudioSettings) -> Sound:
        """Read a file with the channels and the rate of a run.

        Raises:
            DataError: It cannot be read, is silent, or is longer than half an hour.
            MissingExtra: A package that is needed for it is not installed.
        """
        header, channels = audio_header(path), _CHANNELS[settings.channels]
        if header.frames is not None and header.frames > _LONGEST_SECONDS * header.rate:
            raise DataError(
                f"'{path}' is too long to be edited.",
                why=f"it has {header.frames / header.rate:,.0f} seconds; at most "
                f"{_LONGEST_SECONDS:,.0f} are read",
                hint="cut out the part that matters.",
            )
        raw, rate = read_audio(path, _LONGEST_SECONDS)
        cut = clipped(raw)
        samples = resampled(to_channels(raw, channels), rate, settings.rate)
        if len(cut) != channels:
            cut = np.repeat(cut.any(axis=0, keepdims=True), channels, axis=0)
        if rate != settings.rate:
            cut = at_rate(cut, samples.shape[1], _MARGIN)
        peak = np.abs(samples).max(initial=0.0)
        if peak < _SILENCE:
            raise DataError(
                f"'{path}' is silent.", why="nothing in it is louder than -80 dBFS",
                hint="nothing of it tells what to restore; name another file.",
            )  # fmt: skip
        return cls(samples / peak if peak > 1.0 else samples, cut)


@dataclass(frozen=True)
class Canvas:
    """A part of a sound, or of the sound and of silence after it.

    Attributes:
        begin: Its first sample.
        samples: Number of its samples, at least those of the model's window.
    """

    begin: int
    samples: int

    @classmethod
    def around(cls, begin: int, end: int, length: int, window: int) -> Canvas:
        """The canvas on which a part of a sound is made anew, with as much known on either side.

        It is one window of the model, or longer for a part above half a window: then it has half a
        window on either side.

        Args:
            begin: First sample of the part.
            end: The sample after its last one; it may lie behind the end of the sound.
            length: Number of samples of the sound.
            window: Number of samples of a window of the model.
        """
        size, whole = end - begin, max(length, end)
        wanted = window if 2 * size <= window else size + window
        samples = max(window, min(wanted, whole))
        first = (begin + end - samples) // 2
        return cls(max(0, min(first, whole - samples)), samples)

    @classmethod
    def whole(cls, length: int, window: int) -> Canvas:
        """The canvas of a whole sound."""
        return cls(0, max(length, window))

    def require_possible(self, window: int, rate: int) -> None:
        """Check that it is not too long to be made in one piece.

        Raises:
            SettingError: It is.
        """
        if self.samples > _MOST_WINDOWS * window:
            most = _MOST_WINDOWS * window / rate
            raise SettingError(
                f"{self.samples / rate:,.1f} seconds are too long to be made in one piece.",
                why=f"the run's window is {window / rate:g} seconds, and at most "
                f"{_MOST_WINDOWS} of them are possible: {most:,.0f} seconds",
                hint="cut out the part that matters.",
            )

    def of(self, x: Samples, rate: int) -> Samples:
        """Its samples of a sound (C, N), faded where the sound goes on, as in training."""
        missing = max(0, self.begin + self.samples - x.shape[1])
        part = stretch(x, rate, self.begin, self.samples - missing)
        return np.pad(part, ((0, 0), (0, missing)))


def level_factor(x: Samples, settings: AudioSettings) -> float:
    """The factor that brings audio to the level of the clips of training.

    Args:
        x: What is known of it, shape (C, N).
        settings: The settings of the run.

    Raises:
        DataError: It is silent.
    """
    peak = float(np.abs(x).max(initial=0.0))
    if peak < _SILENCE:
        raise DataError(
            "The sound is silent around the part that is to be made.",
            why="nothing that is known there is louder than -80 dBFS",
            hint="choose a part beside something that can be heard.",
        )
    return float(np.abs(levelled(x, settings.rate, settings.level)).max()) / peak


def batch_of(x: Samples, factor: float = 1.0) -> Tensor:
    """Samples (C, N) as a batch of one, scaled, float32."""
    return torch.from_numpy(np.ascontiguousarray(x * np.float32(factor)))[None]


def filled(x: Samples, end: int, window: int) -> float:
    """The share of a window that a sound fills, up to its last sample that is not zero.

    Args:
        x: Samples from the begin of the window on, shape (C, N).
        end: The least place of the end.
        window: Number of samples of a window.
    """
    sounding = np.flatnonzero((x != 0).any(axis=0))
    last = int(sounding[-1]) + 1 if len(sounding) else 1
    return min(1.0, max(last, end) / window)


def items_of(results: list[Any]) -> Samples:
    """Results of shape (C, N) as items, each reduced as a whole where it exceeds full scale."""
    items: Samples = np.stack(results).astype(np.float32)
    peaks = np.abs(items).max(axis=(1, 2), keepdims=True, initial=1.0)
    return items if (peaks == 1.0).all() else items / peaks
