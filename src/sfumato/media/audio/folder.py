"""Folders of sampled clips: files that contain their provenance, and a sheet of spectrograms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sfumato.media.folder import SampleFolder, save_png

if TYPE_CHECKING:
    from sfumato.media.audio.medium import AudioMedium

# Fewer than images, as the drawing of a clip is larger.
_SHOWN = 64
_NUMBER = re.compile(r"(\d+)(-from-noise)?\.(wav|flac)")


@dataclass
class AudioFolder(SampleFolder):
    """Writes audio clips into a folder.

    Attributes:
        medium: The medium that writes the files.
    """

    formats: ClassVar[tuple[str, ...]] = ("wav", "flac")

    medium: AudioMedium = field(kw_only=True)
    _shown: list[NDArray[np.float32]] = field(default_factory=list)
    _captions: list[str] = field(default_factory=list)

    def occupied(self, name: str, indices: Sequence[int]) -> bool:
        """See :meth:`SampleFolder.occupied`."""
        match = _NUMBER.fullmatch(name)
        return match is not None and int(match[1]) in indices

    def add(
        self, indices: Sequence[int], items: Any, provenance: Sequence[Mapping[str, Any]]
    ) -> None:
        """See :meth:`SampleFolder.add`; items are float32 (B, C, N)."""
        for index, waveform, origin in zip(indices, items, provenance, strict=True):
            path = self.path / f"{index:05d}.{self.format}"
            clip = self.medium.lasting(waveform, origin["seconds"])
            self.medium.write(path, clip, origin)
            self.files.append(path)
            if len(self._shown) < _SHOWN:
                self._shown.append(clip)
                self._captions.append(" ".join(filter(None, [f"{index:05d}", origin["label"]])))

    def finish(self) -> None:
        """Write a sheet with drawings of the first 64 clips."""
        save_png(self.medium.sheet(self._shown, self._captions), self.path / "sheet.png")

    def add_trajectory(self, index: int, frames: NDArray[Any]) -> None:
        """Write some states of one sample, float32 (F, C, N), in a row."""
        path = self.path / f"{index:05d}-from-noise.{self.format}"
        self.medium.write_in_a_row(path, frames)
        self.trajectories.append(path)
