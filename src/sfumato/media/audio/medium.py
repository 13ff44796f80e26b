"""Sounds: files to int16 clips to tensors that a process works on, and back.

A clip is read once (:class:`ClipReader`) and cached; ``examples`` turns a batch of clips into what
a network learns from, by the representation of the settings; ``decode`` turns what it makes into
waveforms for listening, looking at and writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfumato.errors import Diverged
from sfumato.media.audio.fit import levelled
from sfumato.media.audio.picture import sheet
from sfumato.media.audio.provenance import write_sound
from sfumato.media.audio.reader import ClipReader
from sfumato.media.audio.representation import VARIATIONS, build, measured, varied
from sfumato.media.audio.settings import AudioSettings, WaveformSpec
from sfumato.media.data.items import Encoded

_FULL_SCALE = 32768
_LOUDEST = 10 ** (-0.1 / 20)
# A peak of -40 dBFS: what is not above it is not to be blown up.
_SILENCE = 0.01
_PAUSE_SECONDS = 0.2
_FADE_SECONDS = 0.003


class AudioMedium(ClipReader):
    """Reads, encodes, decodes, varies, shows and writes sounds of one rate and length.

    Raises:
        SettingError: ``channels`` is still ``auto``.
    """

    variations = VARIATIONS

    def __init__(self, settings: AudioSettings) -> None:
        super().__init__(settings)
        self._representation = build(settings.representation)

    def settled(self, clips: NDArray[np.int16]) -> AudioMedium:
        """The medium with what depends on the data filled in: the scales of a spectrogram.

        Args:
            clips: Typical ones, shape (M, C, N).
        """
        spec = self.settings.representation
        if isinstance(spec, WaveformSpec) or spec.scales is not None:
            return self
        spec = measured(spec, torch.from_numpy(clips).float() / _FULL_SCALE)
        return AudioMedium(self.settings.model_copy(update={"representation": spec}))

    @property
    def signal_shape(self) -> tuple[int, ...]:
        """Of one sound as a process sees it: (C, N'), or (2 C, bins, frames)."""
        return self._representation.shape(*self.shape)

    def examples(self, clips: NDArray[np.int16], uniforms: Tensor | None = None) -> Encoded:
        """Clips (B, C, N) to learn from; varied if uniforms (B, 3) are given."""
        x = torch.from_numpy(clips.astype(np.float32)).div_(_FULL_SCALE)
        if uniforms is not None:
            x = varied(x, uniforms, self.settings)
        return Encoded(self._representation.encode(x), _filled(x))

    def decode(self, x0: Tensor) -> NDArray[np.float32]:
        """Signals to waveforms in [-1, 1], float32 of shape (B, C, N).

        A sound is brought to the level that all clips have, unless it is nearly silent or
        ``level="keep"``. Those are made softer as a whole where they would leave the range, so that
        nothing is clipped.

        Raises:
            Diverged: A value is not finite.
        """
        x0 = x0.detach().to("cpu", torch.float32)
        if not torch.isfinite(x0).all():
            raise Diverged(
                "A sound has values that are not finite.",
                why="the network or the sampler diverged",
                hint="sample with more steps or a lower guidance scale, or train at a lower rate.",
            )
        x = self._representation.decode(x0, self.settings.samples).numpy()
        return np.stack([self._at_level(clip) for clip in x]) if len(x) else x

    def _at_level(self, clip: NDArray[np.float32]) -> NDArray[np.float32]:
        level, peak = self.settings.level, np.abs(clip).max()
        if level == "keep" or peak <= _SILENCE:
            return clip * np.float32(min(1.0, _LOUDEST / max(peak, _SILENCE)))
        return levelled(clip, self.settings.rate, level)

    def lasting(self, clip: NDArray[np.float32], seconds: float | None) -> NDArray[np.float32]:
        """A waveform (C, N) up to its end, faded over the last 3 ms so that it does not click."""
        count = clip.shape[1] if seconds is None else max(1, round(seconds * self.settings.rate))
        if count >= clip.shape[1]:
            return clip
        lasting = clip[:, :count].copy()
        fade = min(count, round(_FADE_SECONDS * self.settings.rate))
        lasting[:, count - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
        return lasting

    def write(
        self, path: Path, clip: NDArray[np.float32], recipe: Mapping[str, Any] | None = None
    ) -> None:
        """Write one waveform, (C, N) in [-1, 1], as WAV or FLAC with its recipe inside.

        Raises:
            ValueError: The recipe is not JSON or is larger than 1 MiB.
            DiskFull: There is not enough room.
        """
        write_sound(path, clip.T, self.settings.rate, recipe)

    def write_in_a_row(self, path: Path, clips: NDArray[np.float32]) -> None:
        """Write waveforms, (B, C, N), one after another with pauses between."""
        pause = np.zeros((clips.shape[1], round(_PAUSE_SECONDS * self.settings.rate)), np.float32)
        parts = [part for clip in clips for part in (clip, pause)][:-1]
        self.write(path, np.concatenate(parts, axis=1))

    def sheet(
        self,
        clips: Sequence[NDArray[np.float32]],
        captions: Sequence[str] | None = None,
        columns: int | None = None,
    ) -> Image.Image:
        """Waveforms, each (C, n), as pictures with their spectrograms on one sheet."""
        return sheet(clips, self.settings.rate, captions, columns)


def _filled(x: Tensor) -> Tensor:
    """Which share of its extent each clip fills: up to its last value that is not zero."""
    sounding = (x != 0).any(dim=1)
    places = torch.arange(1, x.shape[-1] + 1)
    ends = (sounding * places).amax(dim=1)
    return ends / x.shape[-1]
