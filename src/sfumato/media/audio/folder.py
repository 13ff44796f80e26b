"""A folder of audio clips: one file each with its provenance inside, and a sheet of pictures."""

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

# The picture of a clip takes more room on a sheet than an image does.
_SHOWN = 64
_NUMBER = re.compile(r"(\d+)(-from-noise)?\.(wav|flac)")


@dataclass
class AudioFolder(SampleFolder):
    """Writes audio clips.

    Attributes:
        medium: How arrays become files.
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
        for index, whole, origin in zip(indices, items, provenance, strict=True):
            path = self.path / f"{index:05d}.{self.format}"
            clip = self.medium.lasting(whole, origin["seconds"])
            self.medium.write(path, clip, origin)
            self.files.append(path)
            if len(self._shown) < _SHOWN:
                self._shown.append(clip)
                self._captions.append(" ".join(filter(None, [f"{index:05d}", origin["label"]])))

    def finish(self) -> None:
        """Write a sheet with pictures of the first 64 clips."""
        save_png(self.medium.sheet(self._shown, self._captions), self.path / "sheet.png")

    def add_trajectory(self, index: int, frames: NDArray[Any]) -> None:
        """Write some states of one sample, float32 (F, C, N), one after another."""
        path = self.path / f"{index:05d}-from-noise.{self.format}"
        self.medium.write_in_a_row(path, frames)
        self.trajectories.append(path)
