"""From a request to files: sampling with its outputs, as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfumato.errors import SettingError
from sfumato.run.directory import RunDirectory, locate
from sfumato.run.outputs import SampleFolder, new_folder
from sfumato.run.run import Run
from sfumato.run.sampling import Made, Making, Request, TrainedModel
from sfumato.run.stored import read_stored
from sfumato.run.trajectory import Way

_FRAMES = 10


@dataclass(frozen=True)
class Asked:
    """What a user may ask of samples; None stands for the run's own default."""

    n: int = 16
    seed: int = 0
    steps: int | None = None
    sampler: str | None = None
    label: str | None = None
    scale: float | None = None
    batch: int = 16


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


def sample_files(
    run: str | None, asked: Asked, out: Path | None, trajectory: bool, like: Path | None
) -> Iterator[Making | Made | Written]:
    """Sample a run into files.

    Args:
        run: Name or path of the run; may be None with ``like``, whose file names it.
        asked: What to make, unless ``like`` is given.
        out: Folder for the files; a new one in the run's ``samples`` if None.
        trajectory: Also write each sample's way from noise.
        like: A sample to make again.

    Raises:
        SettingError: Neither a run nor a file was named, or a file would be overwritten.
    """
    if run is None and like is None:
        raise SettingError("No run was named.", hint="sfumato sample RUN   (see the folder runs/)")
    opened = Run(locate(read_stored(like).run if like is not None and run is None else str(run)))
    model = opened.model
    request = model.request(**vars(asked)) if like is None else model.like(like)
    yield from write_samples(opened.directory, model, request, out, trajectory)


def write_samples(
    directory: RunDirectory,
    model: TrainedModel,
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
