"""The demonstration on pictures: new ones, beside the nearest real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato import storage
from sfumato.media.image.data import ImageData
from sfumato.media.image.folder import PictureFolder
from sfumato.metrics.neighbours import nearest
from sfumato.model.image import ImageModel
from sfumato.model.request import Made
from sfumato.model.writing import Written, write_samples
from sfumato.run import Run
from sfumato.runs.directory import RunDirectory, new_folder
from sfumato.runs.spec import Spec
from sfumato.training.data import reopen
from sfumato.verbs.demo_events import Finished, Note

_SAMPLES = 64
_COMPARED = 8
_FACES = "smileys-emotion"


@dataclass(frozen=True)
class Pictures(Finished):
    """What the demonstration made.

    Attributes:
        sheet: The samples.
        strip: A picture emerging from noise.
        comparison: New pictures with the nearest training picture under each.
        distance: Median distance to the nearest training picture, in levels of 0..255.
        reference: The same for held-out real pictures; a median far below it would mean copies.
    """

    sheet: Path
    strip: Path
    comparison: Path
    distance: float
    reference: float

    def lines(self) -> list[str]:
        """See :meth:`Finished.lines`."""
        name = self.directory.name
        return [
            "",
            f"new pictures          {self.sheet}",
            f"one emerging          {self.strip}",
            f"new over nearest real {self.comparison}",
            f"distance to the nearest training picture: {self.distance:.1f} levels of 255; "
            f"for real pictures held out: {self.reference:.1f}",
            "",
            "next:",
            f"  sfumato sample {name} -n 36 --seed 1 --label {_FACES} --scale 3",
            f"  sfumato resume {name} --minutes 30      train on, it gets better",
            "  sfumato train PATH                      your own folder of pictures",
            "  sfumato demo audio                      the same with sounds; or with text",
        ]


def show(directory: RunDirectory) -> Iterator[Note | Finished]:
    """Sample a run on emoji, and compare with what it was trained on."""
    spec = Run(directory).spec
    model = ImageModel(directory, spec)
    out = new_folder(directory)
    made: list[NDArray[np.uint8]] = []
    folder = PictureFolder(out, medium=model.medium)
    for event in write_samples(folder, model, model.request(_SAMPLES)):
        if isinstance(event, Made):
            made.append(event.items)
    faces = model.request(1, label=_FACES if _FACES in spec.data.classes else None)
    emerging = PictureFolder(out / "emerging", medium=model.medium)
    events = write_samples(emerging, model, faces, trajectory=True)
    (written,) = [event for event in events if isinstance(event, Written)]
    comparison, distance, reference = _compare(directory, spec, np.concatenate(made), out)
    strip = written.strips[0]
    yield Pictures(directory, out / "sheet.png", strip, comparison, distance, reference)


def _compare(
    directory: RunDirectory, spec: Spec, made: NDArray[np.uint8], out: Path
) -> tuple[Path, float, float]:
    """New pictures over their nearest training pictures, and how far apart the two are."""
    events = reopen(directory, spec.data, spec.recipe)
    (data,) = [event for event in events if isinstance(event, ImageData)]
    known = data.dataset.gather(data.training)[0]
    unseen = data.dataset.gather(data.held_out)[0]
    found = nearest(torch.from_numpy(made).movedim(-1, 1), known)
    reference = nearest(torch.from_numpy(unseen), known)
    real = known[found.indices[:_COMPARED]].transpose(0, 2, 3, 1)
    picture = data.medium.sheet(np.concatenate([made[:_COMPARED], real]), columns=_COMPARED)
    path = out / "nearest.png"
    with storage.replacing(path) as draft:
        picture.save(draft, format="PNG")
    return path, float(np.median(found.distances)), float(np.median(reference.distances))
