"""The demonstration: from nothing to new pictures in minutes, beside the nearest real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato import storage
from sfumato.engine.signals import stop_on_signals
from sfumato.media.catalogue import DEFAULT as DATA
from sfumato.media.catalogue import find as find_data
from sfumato.metrics.neighbours import nearest
from sfumato.run import training
from sfumato.run.data import reopen
from sfumato.run.directory import RunDirectory, new_folder
from sfumato.run.image.data import ImageData
from sfumato.run.image.sampled import Written, write_samples
from sfumato.run.image.sampling import ImageModel, Made
from sfumato.run.run import Run

_SAMPLES = 64
_COMPARED = 8
_FACES = "smileys-emotion"


@dataclass(frozen=True)
class Note:
    """A line for the person watching."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The demonstration is over.

    Attributes:
        directory: The run.
        sheet: The samples.
        strip: A picture emerging from noise.
        comparison: New pictures with the nearest training picture under each.
        distance: Median distance to the nearest training picture, in levels of 0..255.
        reference: The same for held-out real pictures; a median far below it would mean copies.
    """

    directory: RunDirectory
    sheet: Path
    strip: Path
    comparison: Path
    distance: float
    reference: float

    def lines(self) -> list[str]:
        """What to look at, and what to try next."""
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
        ]


def run(minutes: float, name: str | None = None) -> Iterator[Any]:
    """Train on the default data set, sample, and compare with the training data."""
    entry = find_data(DATA)
    yield Note(f"Sfumato learns to draw emoji: {entry.title}.")
    plan = training.planned(minutes=minutes)
    directory: RunDirectory | None = None
    with stop_on_signals() as stop:
        for event in training.train(DATA, plan, name, stop=stop):
            if isinstance(event, RunDirectory):
                directory = event
                yield event
                yield Note(f"Training for {minutes:g} minutes. Watch {event.previews}/latest.png")
            else:
                yield event
    if directory is None:
        raise RuntimeError("training ended without a run")
    yield from _show(directory)


def _show(directory: RunDirectory) -> Iterator[Any]:
    yield Note("Sampling ...")
    opened = Run(directory)
    model = _of_pictures(opened)
    classes = opened.spec.data.classes
    out = new_folder(directory)
    made: list[NDArray[np.uint8]] = []
    for event in write_samples(directory, model, model.request(_SAMPLES), out):
        if isinstance(event, Made):
            made.append(event.pixels)
    (emerging,) = [
        event
        for event in write_samples(
            directory,
            model,
            model.request(1, label=_FACES if _FACES in classes else None),
            out / "emerging",
            trajectory=True,
        )
        if isinstance(event, Written)
    ]
    comparison, distance, reference = _compare(opened, np.concatenate(made), out)
    yield Finished(
        directory, out / "sheet.png", emerging.strips[0], comparison, distance, reference
    )


def _compare(opened: Run, made: NDArray[np.uint8], out: Path) -> tuple[Path, float, float]:
    """New pictures over their nearest training pictures, and how far apart the two are."""
    medium = _of_pictures(opened).medium
    events = reopen(opened.directory, opened.spec.data, opened.spec.recipe)
    (data,) = [event for event in events if isinstance(event, ImageData)]
    known = data.dataset.gather(data.training)[0]
    unseen = data.dataset.gather(data.held_out)[0]
    found = nearest(torch.from_numpy(made).movedim(-1, 1), known)
    reference = nearest(torch.from_numpy(unseen), known)
    real = known[found.indices[:_COMPARED]].transpose(0, 2, 3, 1)
    picture = medium.sheet(np.concatenate([made[:_COMPARED], real]), columns=_COMPARED)
    path = out / "nearest.png"
    with storage.replacing(path) as draft:
        picture.save(draft, format="PNG")
    return path, float(np.median(found.distances)), float(np.median(reference.distances))


def _of_pictures(opened: Run) -> ImageModel:
    if not isinstance(opened.model, ImageModel):
        raise TypeError("the demonstration trains a model of pictures")
    return opened.model
