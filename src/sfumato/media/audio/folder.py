"""Where sounds are put: one file each with its recipe inside, and a sheet of pictures of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sfumato import storage
from sfumato.media.audio.medium import AudioMedium
from sfumato.model.request import Made
from sfumato.model.writing import SampleFolder

# A sound takes more room on a sheet than a picture does.
_SHOWN = 64
_NUMBER = re.compile(r"(\d+)(-from-noise)?\.(wav|flac)")

SoundFormat = Literal["wav", "flac"]


@dataclass
class SoundFolder(SampleFolder):
    """A folder of sounds.

    Attributes:
        medium: How samples become files.
        form: Which kind of files.
    """

    medium: AudioMedium = field(kw_only=True)
    form: SoundFormat = field(kw_only=True, default="wav")
    _shown: list[NDArray[np.float32]] = field(default_factory=list)
    _captions: list[str] = field(default_factory=list)

    def number(self, name: str) -> int | None:
        """See :meth:`SampleFolder.number`."""
        found = _NUMBER.fullmatch(name)
        return None if found is None else int(found[1])

    def add(self, made: Made) -> None:
        """See :meth:`SampleFolder.add`."""
        for index, whole, recipe in zip(made.indices, made.items, made.recipes, strict=True):
            path = self.folder / f"{index:05d}.{self.form}"
            clip = self.medium.lasting(whole, recipe["seconds"])
            self.medium.write(path, clip, recipe)
            self.files.append(path)
            if len(self._shown) < _SHOWN:
                self._shown.append(clip)
                self._captions.append(" ".join(filter(None, [f"{index:05d}", recipe["label"]])))

    def finish(self) -> Path:
        """See :meth:`SampleFolder.finish`."""
        picture = self.medium.sheet(self._shown, self._captions)
        with storage.replacing(self.sheet) as draft:
            picture.save(draft, format="PNG")
        return self.sheet

    def strip(self, index: int, frames: NDArray[Any]) -> Path:
        """Write some states of one sample, shape (F, C, N), one after another; returns the path."""
        path = self.folder / f"{index:05d}-from-noise.{self.form}"
        self.medium.write_in_a_row(path, frames)
        return path
