"""What all demonstrations are made of: their events, samples in files, and the data of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.engine.signals import until_stopped
from sfumato.errors import SettingError
from sfumato.media.number_data import NumberData
from sfumato.model.open import AnyModel
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made
from sfumato.runs.directory import RunDirectory
from sfumato.training.data import reopen
from sfumato.verbs.sample import Written, write_samples


@dataclass(frozen=True)
class Note:
    """A message to the user."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The end of a demonstration.

    Attributes:
        directory: The run's directory.
        lines: Lines to print: results, and commands to try next.
        files: Output files by description.
        figures: Measurements by name.
    """

    directory: RunDirectory
    lines: list[str]
    files: Mapping[str, Path]
    figures: Mapping[str, float] = field(default_factory=dict)


def written(
    model: AnyModel, options: SampleOptions, out: Path, trajectory: bool = False
) -> tuple[Written, Any]:
    """Make samples and write them; returns the files and the samples."""
    folder = model.medium.folder(out)
    events = list(until_stopped(write_samples(folder, model, model.request(options), trajectory)))
    (written,) = [event for event in events if isinstance(event, Written)]
    items = [event.items for event in events if isinstance(event, Made)]
    if isinstance(items[0], list):
        return written, [text for batch in items for text in batch]
    return written, np.concatenate(items)


def of_class(model: AnyModel, label: str) -> SampleOptions:
    """Options for one sample of a class, if the run has that class."""
    return SampleOptions(1, label=label if label in model.spec.data.classes else None)


def data_of(model: AnyModel) -> NumberData:
    """The data of a run, of which some items are held out."""
    events = reopen(model.directory, model.spec.data, model.spec.recipe)
    (data,) = [event for event in events if isinstance(event, NumberData)]
    if not len(data.held_out):
        raise SettingError("Nothing was held out to compare with.")
    return data


def table(files: Mapping[str, Path]) -> list[str]:
    """The files in lines to print."""
    return ["", *(f"{what:<22}{path}" for what, path in files.items())]
