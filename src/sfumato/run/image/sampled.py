"""From a request to files: sampling with its outputs, as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfumato.run.directory import RunDirectory, new_folder
from sfumato.run.image.outputs import SampleFolder
from sfumato.run.image.sampling import ImageModel, Made, Request
from sfumato.run.image.trajectory import Way
from sfumato.run.trained import Making

_FRAMES = 10


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


def write_samples(
    directory: RunDirectory,
    model: ImageModel,
    request: Request,
    out: Path | None,
    trajectory: bool = False,
) -> Iterator[Making | Made | Written]:
    """Carry out a request, writing each batch as it is finished."""
    began = time.monotonic()
    folder = SampleFolder(out or new_folder(directory), model.medium)
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
