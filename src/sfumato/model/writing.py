"""From a request to files: sampling with its outputs, as a stream of events."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import SettingError
from sfumato.model.model import Making
from sfumato.model.numbers import GaussianModel
from sfumato.model.request import Made, Request
from sfumato.model.trajectory import Way
from sfumato.runs.directory import require_writable

_FRAMES = 10
SHOWN = 256
"""Samples on a sheet, at most."""


@dataclass(frozen=True)
class Written:
    """Samples in files.

    Attributes:
        folder: Where they are.
        files: One per sample.
        sheet: All on one picture.
        strips: For each sample its way from noise, if asked for.
        seconds: It took.
    """

    folder: Path
    files: list[Path]
    sheet: Path
    seconds: float
    strips: list[Path] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "folder": str(self.folder),
            "files": [str(path) for path in self.files],
            "sheet": str(self.sheet),
            "strips": [str(path) for path in self.strips],
            "seconds": round(self.seconds, 2),
        }


@dataclass
class SampleFolder(ABC):
    """Writes samples into a folder and never over anything.

    Attributes:
        folder: Where.
        files: What was written so far.
    """

    folder: Path
    files: list[Path] = field(default_factory=list)

    @abstractmethod
    def number(self, name: str) -> int | None:
        """The index of the sample that a file of this name would be or belong to, if any."""

    @abstractmethod
    def add(self, made: Made) -> None:
        """Write a batch of samples."""

    @abstractmethod
    def finish(self) -> Path:
        """Write the contact sheet of the first 256 samples; returns its path."""

    @abstractmethod
    def strip(self, index: int, frames: NDArray[np.generic]) -> Path:
        """Write some states of one sample, shape (F, ...), one after another."""

    @property
    def sheet(self) -> Path:
        """Where the contact sheet is written."""
        return self.folder / "sheet.png"

    def require_free(self, indices: Sequence[int]) -> None:
        """Create the folder, and refuse before any work is done if it cannot take the samples.

        Raises:
            SettingError: It cannot be written, or a file would be overwritten.
        """
        require_writable(self.folder)
        for path in self.folder.iterdir():
            number = self.number(path.name)
            if path == self.sheet or (number is not None and number in indices):
                raise SettingError(
                    f"'{path}' exists already, and nothing is overwritten.",
                    hint="choose another --out, or move the files away.",
                )


def write_samples(
    folder: SampleFolder, model: GaussianModel[Any], request: Request, trajectory: bool = False
) -> Iterator[Making | Made | Written]:
    """Carry out a request, writing each batch as it is finished."""
    began = time.monotonic()
    folder.require_free(range(request.first, request.first + request.n))
    schedule, sigma = model.denoiser.process.schedule, model.denoiser.sigma_data
    way = Way(model.medium, schedule, sigma)
    strips: list[Path] = []
    for event in model.sample(request):
        yield event
        if isinstance(event, Making) and trajectory:
            way.add(event.state)
        if isinstance(event, Made):
            folder.add(event)
            if trajectory:
                frames = zip(event.indices, way.strips(_FRAMES), strict=True)
                strips += [folder.strip(index, strip) for index, strip in frames]
                way = Way(model.medium, schedule, sigma)
    sheet = folder.finish()
    yield Written(folder.folder, folder.files, sheet, time.monotonic() - began, strips)
