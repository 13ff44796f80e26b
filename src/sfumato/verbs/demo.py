"""``sfumato demo``: train a small model in minutes and show new images, audio clips or texts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from sfumato.catalogue import DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT
from sfumato.catalogue import find as find_data
from sfumato.engine.signals import stop_on_signals, until_stopped
from sfumato.errors import Interrupted, SettingError
from sfumato.evaluation.of.audio import beside_nearest, waveforms
from sfumato.media.folder import save_png
from sfumato.media.number_data import NumberData
from sfumato.metrics.neighbours import nearest, nearest_audio
from sfumato.model.open import AnyModel, open_model
from sfumato.model.options import FillOptions, SampleOptions, TrainOptions
from sfumato.model.provenance import Made
from sfumato.runs.directory import RunDirectory, new_folder
from sfumato.training import train as training
from sfumato.training.data import reopen
from sfumato.training.plan import require_length
from sfumato.verbs.fill import fill
from sfumato.verbs.sample import Written, write_samples

MediumName = Literal["image", "audio", "text"]
_IMAGES, _CLIPS = 64, 32
_COMPARED = 8
_FACES, _KICK = "smileys-emotion", "kick"
_GAP = "Shall I compare thee to a ____ day?"


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


class _Demo(NamedTuple):
    """A data set, a phrase for what the model learns, and the function that shows the model."""

    data: str
    learns: str
    show: Callable[[AnyModel], Finished]


def run(medium: MediumName, minutes: float, name: str | None = None) -> Iterator[Any]:
    """Train on a default data set, sample, and compare with the training data.

    Args:
        medium: The medium of the demonstration.
        minutes: Length of the training in minutes.
        name: Name of the run; by default made from the data.

    Yields:
        Notes, the events of training, and finally :class:`Finished`.
    """
    demo = _DEMOS[medium]
    options = TrainOptions(minutes=minutes, name=name)
    require_length(None, minutes)
    yield Note(f"Sfumato learns to {demo.learns}: {find_data(demo.data).title}.")
    directory: RunDirectory | None = None
    with stop_on_signals() as stop:
        for event in training.train_with(demo.data, options, stop=stop):
            yield event
            if isinstance(event, RunDirectory):
                directory = event
                yield Note(f"Training for {minutes:g} minutes. Watch {event.previews}.")
    if directory is None:
        raise RuntimeError("training ended without a run")
    yield Note("Sampling ...")
    with _run_kept(directory):
        yield demo.show(open_model(directory))


@contextmanager
def _run_kept(directory: RunDirectory) -> Iterator[None]:
    """A context in which a stop says what is kept of the demonstration, and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:
        raise Interrupted(
            f"The demonstration was stopped after its training; the run is in {directory.root}.",
            error.signum if isinstance(error, Interrupted) else signal.SIGINT,
            hint=f"make samples with: sfumato sample {directory.root}",
        ) from error


def _images(model: AnyModel) -> Finished:
    """Make new images, and lay them over the nearest training images."""
    out = new_folder(model.directory)
    written, items = _written(model, SampleOptions(_IMAGES), out)
    emerging, _ = _written(model, _of_class(model, _FACES), out / "emerging", trajectory=True)
    data = _data_of(model)
    training, held_out = (data.dataset.gather(ids)[0] for ids in (data.training, data.held_out))
    found = nearest(torch.from_numpy(items).movedim(-1, 1), training)
    distance = float(np.median(found.distances))
    reference = float(np.median(nearest(torch.from_numpy(held_out), training).distances))
    real = training[found.indices[:_COMPARED]].transpose(0, 2, 3, 1)
    pairs = np.concatenate([items[:_COMPARED], real])
    comparison = out / "nearest.png"
    save_png(data.medium.sheet(pairs, columns=_COMPARED), comparison)  # type: ignore[attr-defined]
    files = {
        "new images": written.out.path / "sheet.png",
        "one emerging": emerging.out.trajectories[0],
        "new over nearest real": comparison,
    }
    name = model.directory.name
    lines = [
        *_table(files),
        f"distance to the nearest training image: {distance:.1f} levels of 255; "
        f"for real images held out: {reference:.1f}",
        "",
        "next:",
        f"  sfumato sample {name} -n 36 --seed 1 --label {_FACES} --scale 3",
        f"  sfumato resume {name} --minutes 30      train on, it gets better",
        "  sfumato train PATH                      your own folder of images",
        "  sfumato demo audio                      the same with audio; or with text",
    ]
    figures = {"distance": distance, "reference": reference}
    return Finished(model.directory, lines, files, figures)


def _clips(model: AnyModel) -> Finished:
    """Make new audio clips, and lay them over the most similar training clips."""
    out = new_folder(model.directory)
    written, items = _written(model, SampleOptions(_CLIPS), out)
    emerging, _ = _written(model, _of_class(model, _KICK), out / "emerging", trajectory=True)
    data = _data_of(model)
    training, held_out = (data.dataset.gather(ids)[0] for ids in (data.training, data.held_out))
    rate = data.medium.settings.rate
    found = nearest_audio(waveforms(items), training, rate)
    likeness = float(np.median(found.similarities))
    reference = float(np.median(nearest_audio(waveforms(held_out), training, rate).similarities))
    comparison = out / "nearest.png"
    save_png(beside_nearest(data.medium, items, training, found), comparison)  # type: ignore[arg-type]
    files = {
        "new audio clips": written.out.path,
        "spectrograms": written.out.path / "sheet.png",
        "one emerging": emerging.out.trajectories[0],
        "new over nearest real": comparison,
    }
    name = model.directory.name
    lines = [
        *_table(files),
        f"similarity to the most similar training clip: {likeness:.2f} of 1; "
        f"for real clips held out: {reference:.2f}",
        "",
        "next:",
        f"  sfumato sample {name} --label {_KICK} --scale 2",
        f"  sfumato sample {name} --start FILE.wav --strength 0.5  variations of a clip",
        f"  sfumato resume {name} --minutes 60      train on, it gets better",
        "  sfumato train PATH                      your own folder of audio",
    ]
    figures = {"likeness": likeness, "reference": reference}
    return Finished(model.directory, lines, files, figures)


def _texts(model: AnyModel) -> Finished:
    """Make new texts, and fill a gap in a famous line."""
    out = new_folder(model.directory)
    written, texts = _written(model, SampleOptions(2, temperature=0.7), out, trajectory=True)
    name = model.directory.name
    lines = [
        "",
        *(f"--- {number} ---\n{text}\n" for number, text in enumerate(texts)),
        f"'{_GAP}' becomes",
        *(f"  {filled.text}" for filled in fill(model, _GAP, FillOptions(4))),
        "",
        f"texts and how they came about: {written.out.path}",
        "",
        "next:",
        f"  sfumato sample {name} --temperature 0.8   watch texts resolve on your terminal",
        f'  sfumato fill {name} "To be, or not to be: that is the ____:"',
        f"  sfumato resume {name} --minutes 60        train on, it gets better",
        "  sfumato train FILE.txt                  your own text",
    ]
    files = {"new texts": written.out.files[0], "emerging": written.out.trajectories[0]}
    return Finished(model.directory, lines, files)


_DEMOS: Mapping[str, _Demo] = MappingProxyType(
    {
        "image": _Demo(DEFAULT, "draw emoji", _images),
        "audio": _Demo(DEFAULT_AUDIO, "play drums and other short sounds", _clips),
        "text": _Demo(DEFAULT_TEXT, "write like Shakespeare", _texts),
    }
)


def _written(
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


def _of_class(model: AnyModel, label: str) -> SampleOptions:
    """Options for one sample of a class, if the run has that class."""
    return SampleOptions(1, label=label if label in model.spec.data.classes else None)


def _data_of(model: AnyModel) -> NumberData:
    events = reopen(model.directory, model.spec.data, model.spec.recipe)
    (data,) = [event for event in events if isinstance(event, NumberData)]
    if not len(data.held_out):
        raise SettingError("Nothing was held out to compare with.")
    return data


def _table(files: Mapping[str, Path]) -> list[str]:
    return ["", *(f"{what:<22}{path}" for what, path in files.items())]
