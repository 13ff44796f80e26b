"""``sfumato demo``: train a small model in minutes and show what it makes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from sfumato.catalogue import DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT
from sfumato.catalogue import find as find_data
from sfumato.engine.signals import stop_on_signals
from sfumato.errors import Interrupted
from sfumato.evaluation.of.audio import beside_nearest, waveforms
from sfumato.media.folder import save_png
from sfumato.metrics.neighbours import nearest, nearest_audio
from sfumato.model.open import AnyModel, open_model
from sfumato.model.options import FillOptions, SampleOptions, TrainOptions
from sfumato.runs.directory import RunDirectory, new_folder
from sfumato.training import train as training
from sfumato.training.plan import require_length
from sfumato.verbs.demo_parts import Finished, Note, data_of, of_class, table, written
from sfumato.verbs.demo_words import show_words
from sfumato.verbs.fill import fill

DemoName = Literal["image", "audio", "text", "words"]
"""What is demonstrated."""

_IMAGES, _CLIPS = 64, 32
_COMPARED = 8
_CAPTIONED = "openmoji-words"
_FACES, _KICK = "smileys-emotion", "kick"
_GAP = "Shall I compare thee to a ____ day?"


class _Demo(NamedTuple):
    """A data set, what the model learns, the function that shows it, and a recipe if not usual."""

    data: str
    learns: str
    show: Callable[[AnyModel], Finished]
    recipe: str | None = None


def run(what: DemoName, minutes: float, name: str | None = None) -> Iterator[Any]:
    """Train on a default data set, sample, and compare with the training data.

    Args:
        what: What is demonstrated.
        minutes: Length of the training in minutes.
        name: Name of the run; by default made from the data.

    Yields:
        Notes, the events of training, and finally :class:`Finished`.
    """
    demo = _DEMOS[what]
    options = TrainOptions(recipe=demo.recipe, minutes=minutes, name=name)
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
    made, items = written(model, SampleOptions(_IMAGES), out)
    emerging, _ = written(model, of_class(model, _FACES), out / "emerging", trajectory=True)
    data = data_of(model)
    training, held_out = (data.dataset.gather(ids)[0] for ids in (data.training, data.held_out))
    found = nearest(torch.from_numpy(items).movedim(-1, 1), training)
    distance = float(np.median(found.distances))
    reference = float(np.median(nearest(torch.from_numpy(held_out), training).distances))
    real = training[found.indices[:_COMPARED]].transpose(0, 2, 3, 1)
    pairs = np.concatenate([items[:_COMPARED], real])
    comparison = out / "nearest.png"
    save_png(data.medium.sheet(pairs, columns=_COMPARED), comparison)  # type: ignore[attr-defined]
    files = {
        "new images": made.out.path / "sheet.png",
        "one emerging": emerging.out.trajectories[0],
        "new over nearest real": comparison,
    }
    name = model.directory.name
    lines = [
        *table(files),
        f"distance to the nearest training image: {distance:.1f} levels of 255; "
        f"for real images held out: {reference:.1f}",
        "",
        "next:",
        f"  sfumato sample {name} -n 36 --seed 1 --label {_FACES} --scale 3",
        f"  sfumato resume {name} --minutes 30      train on, it gets better",
        "  sfumato train PATH                      your own folder of images",
        "  sfumato demo audio                      the same with audio; or with text, or words",
    ]
    figures = {"distance": distance, "reference": reference}
    return Finished(model.directory, lines, files, figures)


def _clips(model: AnyModel) -> Finished:
    """Make new audio clips, and lay them over the most similar training clips."""
    out = new_folder(model.directory)
    made, items = written(model, SampleOptions(_CLIPS), out)
    emerging, _ = written(model, of_class(model, _KICK), out / "emerging", trajectory=True)
    data = data_of(model)
    training, held_out = (data.dataset.gather(ids)[0] for ids in (data.training, data.held_out))
    rate = data.medium.settings.rate
    found = nearest_audio(waveforms(items), training, rate)
    likeness = float(np.median(found.similarities))
    reference = float(np.median(nearest_audio(waveforms(held_out), training, rate).similarities))
    comparison = out / "nearest.png"
    save_png(beside_nearest(data.medium, items, training, found), comparison)  # type: ignore[arg-type]
    files = {
        "new audio clips": made.out.path,
        "spectrograms": made.out.path / "sheet.png",
        "one emerging": emerging.out.trajectories[0],
        "new over nearest real": comparison,
    }
    name = model.directory.name
    lines = [
        *table(files),
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
    made, texts = written(model, SampleOptions(2, temperature=0.7), out, trajectory=True)
    name = model.directory.name
    lines = [
        "",
        *(f"--- {number} ---\n{text}\n" for number, text in enumerate(texts)),
        f"'{_GAP}' becomes",
        *(f"  {filled.text}" for filled in fill(model, _GAP, FillOptions(4))),
        "",
        f"texts and how they came about: {made.out.path}",
        "",
        "next:",
        f"  sfumato sample {name} --temperature 0.8   watch texts resolve on your terminal",
        f'  sfumato fill {name} "To be, or not to be: that is the ____:"',
        f"  sfumato resume {name} --minutes 60        train on, it gets better",
        "  sfumato train FILE.txt                  your own text",
    ]
    files = {"new texts": made.out.files[0], "emerging": made.out.trajectories[0]}
    return Finished(model.directory, lines, files)


_DEMOS: Mapping[str, _Demo] = MappingProxyType(
    {
        "image": _Demo(DEFAULT, "draw emoji", _images),
        "audio": _Demo(DEFAULT_AUDIO, "play drums and other short sounds", _clips),
        "text": _Demo(DEFAULT_TEXT, "write like Shakespeare", _texts),
        "words": _Demo(_CAPTIONED, "draw what words say", show_words, "image-words"),
    }
)
