"""Folders of sampled clips: files that contain their provenance, and a sheet of spectrograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import DataError
from sfumato.media.audio.picture import sheet
from sfumato.media.audio.provenance import read_recipe, write_audio
from sfumato.media.captions import caption_of
from sfumato.media.folder import Present, SampleFolder, save_png
from sfumato.sound.open import read_audio

# Fewer than images, as the drawing of a clip is larger.
_SHOWN = 64
# Lines below the drawing of a clip with words.
_LINES = 3
_FULL_SCALE = 32768
_LONGEST_SECONDS = 24 * 3600.0
_PAUSE_SECONDS = 0.2
_FADE_SECONDS = 0.003


@dataclass
class AudioFolder(SampleFolder):
    """Writes audio clips into a folder.

    Attributes:
        rate: Samples per second.
    """

    formats: ClassVar[tuple[str, ...]] = ("wav", "flac")

    rate: int = field(kw_only=True)
    _shown: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _captions: dict[int, str] = field(default_factory=dict)
    _lines: int = 1

    @staticmethod
    def provenance_of(path: Path) -> Mapping[str, Any]:
        """See :meth:`SampleFolder.provenance_of`."""
        return read_recipe(path)

    def keep(self, present: Present, requested: bool) -> None:
        """See :meth:`SampleFolder.keep`; the clip is shown on the contact sheet."""
        super().keep(present, requested)
        if len(self._shown) < _SHOWN:
            with suppress(DataError):  # A clip may be silent, which the reader of data refuses.
                clip = read_audio(present.path, _LONGEST_SECONDS).samples
                self._show(present.index, clip, present.provenance)

    def add(
        self, indices: Sequence[int], items: Any, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """See :meth:`SampleFolder.add`; items are float32 (B, C, N)."""
        for index, waveform, origin in zip(indices, items, provenance, strict=True):
            path = self.path / f"{index:05d}.{self.format}"
            clip = until_end(waveform, self.rate, seconds_of(origin))
            write_audio(path, clip.T, self.rate, origin)
            self.files.append(path)
            if len(self._shown) < _SHOWN:
                self._show(index, _as_written(clip), origin)

    def _show(self, index: int, clip: NDArray[np.float32], origin: Mapping[str, Any]) -> None:
        self._shown[index] = clip
        words = caption_of(origin)
        if words:
            self._lines = _LINES
        self._captions[index] = " ".join(filter(None, [f"{index:05d}", origin["label"], words]))

    def finish(self) -> None:
        """Write a sheet with drawings of the first 64 clips, with their words if they have any."""
        indices = sorted(self._shown)
        clips = [self._shown[index] for index in indices]
        captions = [self._captions[index] for index in indices]
        drawings = sheet(clips, self.rate, captions, lines=self._lines)
        save_png(drawings, self.path / "sheet.png")

    def add_trajectory(self, index: int, frames: NDArray[Any]) -> None:
        """Write some states of one sample, float32 (F, C, N), in a row."""
        path = self.path / f"{index:05d}-from-noise.{self.format}"
        write_sequence(path, frames, self.rate)
        self.trajectories.append(path)


def _as_written(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """A clip as it is read from 16 bits, so that a sheet does not depend on what was there."""
    steps: NDArray[np.float32] = np.rint(clip * _FULL_SCALE).clip(max=_FULL_SCALE - 1)
    return steps / np.float32(_FULL_SCALE)


def seconds_of(origin: Mapping[str, Any]) -> float | None:
    """Length of a sample by its provenance; None for an edit, which is as long as its file."""
    seconds: float | None = None if origin.get("edit") else origin["seconds"]
    return seconds


def until_end(clip: NDArray[np.float32], rate: int, seconds: float | None) -> NDArray[np.float32]:
    """The samples of a clip (C, N) before its end.

    Args:
        clip: The samples.
        rate: Samples per second.
        seconds: Length of the clip; None for all of it.
    """
    return clip if seconds is None else clip[:, : max(1, round(seconds * rate))]


def faded_out(clip: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """A clip (C, N) that is faded over its last 3 ms, so that it does not click."""
    count = clip.shape[1]
    fade = min(count, round(_FADE_SECONDS * rate))
    ended = clip.copy()
    ended[:, count - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return ended


def write_sequence(path: Path, clips: NDArray[np.float32], rate: int) -> None:
    """Write clips (B, C, N) to one file, one after another with pauses between."""
    pause = np.zeros((clips.shape[1], round(_PAUSE_SECONDS * rate)), np.float32)
    parts = [part for clip in clips for part in (clip, pause)][:-1]
    write_audio(path, np.concatenate(parts, axis=1).T, rate, None, output="clips in a row")
