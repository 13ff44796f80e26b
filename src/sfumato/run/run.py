"""A run as an object: the face that Python users see."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.log import read_log
from sfumato.engine.progress import choose_display
from sfumato.engine.signals import stop_on_signals
from sfumato.errors import SettingError
from sfumato.recipes import AnyRecipe, AudioRecipe, TextRecipe
from sfumato.run import spec as specs
from sfumato.run import training
from sfumato.run.audio.evaluation import SoundEvaluation, SoundReport
from sfumato.run.audio.evaluation import evaluate as evaluate_sounds
from sfumato.run.audio.sampling import AudioModel
from sfumato.run.directory import ROOT, RunDirectory, locate
from sfumato.run.gaussian.sampling import Made, Request
from sfumato.run.image.sampling import ImageModel
from sfumato.run.measuring import Measuring
from sfumato.run.samples import Samples, Sounds, Texts
from sfumato.run.source import Fetching, Reading
from sfumato.run.spec import DataFacts, Spec
from sfumato.run.text.evaluation import Evaluation, Report, evaluate
from sfumato.run.text.filling import Filled, Gaps, fill
from sfumato.run.text.sampling import MadeTexts, TextModel, TextRequest

_READING_SECONDS = 5.0


class Run:
    """A run directory opened for reading; the model is loaded when it is first needed.

    Args:
        directory: Where the run is.

    Raises:
        RunError: The run was made by a newer version.
        DamagedFile: Its spec cannot be read.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self.spec: Spec = specs.read(directory.spec)

    @classmethod
    def open(cls, run: str | Path) -> Run:
        """Open a run by its path, or by its name under ``runs/``.

        Raises:
            RunError: There is none.
        """
        return cls(locate(run))

    @property
    def name(self) -> str:
        """Of the run."""
        return self.directory.name

    @cached_property
    def model(self) -> ImageModel | AudioModel | TextModel:
        """The trained model, ready to sample."""
        if isinstance(self.spec.recipe, TextRecipe):
            return TextModel(self.directory, self.spec)
        if isinstance(self.spec.recipe, AudioRecipe):
            return AudioModel(self.directory, self.spec)
        return ImageModel(self.directory, self.spec)

    @property
    def denoiser(self) -> NetworkDenoiser | TokenDenoiser:
        """The trained denoiser, for use with ``sfumato.sampling`` and ``sfumato.guidance``."""
        return self.model.denoiser

    def sample(self, n: int | None = None, **asked: Any) -> Samples | Sounds | Texts:
        """Make samples.

        Args:
            n: How many; by default 16 pictures or sounds, or 4 texts.
            **asked: ``seed``, ``steps``, ``sampler``, ``label``, ``scale``, ``batch``, ``first``;
                for pictures and sounds ``start``, ``strength`` and ``seconds``, for text
                ``temperature``, ``top_p`` and ``length``; see ``request`` of
                :class:`~sfumato.run.gaussian.sampling.GaussianModel` and
                :class:`~sfumato.run.text.sampling.TextModel`.

        Raises:
            SettingError: A value is out of range, or the sampler or label is unknown.
        """
        if n is not None:
            asked["n"] = n
        return self.make(self.model.request(**asked))

    def like(self, path: str | Path) -> Samples | Sounds | Texts:
        """Make a stored sample again, from the recipe in its file."""
        return self.make(self.model.like(Path(path)))

    def make(self, request: Request | TextRequest) -> Samples | Sounds | Texts:
        """Carry out a request.

        Raises:
            SettingError: It was made for another medium.
        """
        model = self.model
        if isinstance(model, TextModel) and isinstance(request, TextRequest):
            made = [event for event in model.sample(request) if isinstance(event, MadeTexts)]
            texts = [text for batch in made for text in batch.texts]
            return Texts(texts, [recipe for batch in made for recipe in batch.recipes])
        if isinstance(model, TextModel) or isinstance(request, TextRequest):
            raise SettingError(f"The request is not one for the medium of the run '{self.name}'.")
        batches = [event for event in model.sample(request) if isinstance(event, Made)]
        items = np.concatenate([batch.items for batch in batches])
        recipes = [recipe for batch in batches for recipe in batch.recipes]
        if isinstance(model, AudioModel):
            return Sounds(items, recipes, model.medium)
        return Samples(items, recipes, model.medium)

    def fill(self, text: str, **asked: Any) -> list[Filled]:
        """Fill the gaps of a text, the likeliest candidate first.

        Args:
            text: With ``____`` wherever words are missing.
            **asked: See :class:`~sfumato.run.text.filling.Gaps`.

        Raises:
            RunError: The run is not one on text.
            SettingError: There is no gap, or a value is out of range.
            DataError: The text is too long, or holds a character that the model has never seen.
        """
        return fill(self._of_text(), Gaps(text, **asked))

    def evaluate(self, **asked: Any) -> Report | SoundReport:
        """Measure the model's samples beside real ones, and for text its likelihood.

        Args:
            **asked: See :class:`~sfumato.run.text.evaluation.Evaluation` and
                :class:`~sfumato.run.audio.evaluation.SoundEvaluation`.

        Raises:
            RunError: The run is one on pictures, or its data changed.
            SettingError: A value is out of range.
        """
        events: Iterator[Any]
        if isinstance(self.spec.recipe, AudioRecipe) and isinstance(self.model, AudioModel):
            events = evaluate_sounds(self.model, SoundEvaluation(**asked))
        else:
            events = evaluate(self._of_text(), Evaluation(**asked))
        (report,) = [event for event in events if not isinstance(event, Measuring)]
        return report

    def _of_text(self) -> TextModel:
        self.spec.text  # noqa: B018 - raises for another medium, before weights are read.
        if not isinstance(self.model, TextModel):
            raise TypeError("a run on text has a model of text")
        return self.model

    def resume(self, *, steps: int | None = None, minutes: float | None = None) -> Run:
        """Train on, optionally to a new total length; shows progress, returns the run anew."""
        with stop_on_signals() as stop:
            return _watched(training.resume(self.directory, steps, minutes, stop))

    def info(self) -> dict[str, Any]:
        """What is known about the run, as plain data."""
        recipe, data = self.spec.recipe, self.spec.data
        store = CheckpointStore(self.directory.checkpoints)
        last: dict[str, Any] = {}
        if self.directory.log.is_file():
            for line in read_log(self.directory.log):
                if line.get("event") == "started":
                    last.pop("done", None)  # It was finished, and then made longer.
                if line.get("event") in ("progress", "metric", "done"):
                    last[str(line.get("name") or line["event"])] = line
        progress = last.get("progress", {})
        return {
            "name": self.name,
            "path": str(self.directory.root),
            "recipe": recipe.name,
            "data": data.source,
            **_about(recipe, data),
            "classes": list(data.classes),
            "backbone": recipe.backbone.kind,
            "sampler": recipe.sampling.sampler.kind,
            "budget": recipe.budget.model_dump(exclude_none=True),
            "finished": "done" in last,
            "step": progress.get("step", 0),
            "samples": progress.get("samples", 0),
            "loss": progress.get("loss"),
            "held_out_loss": last.get("held-out loss", {}).get("value"),
            "held_out_bits_per_character": last.get("held-out bits per character", {}).get("value"),
            "samples_per_second": progress.get("samples_per_second"),
            "minutes": round((progress.get("elapsed") or 0) / 60, 2),
            "checkpoints": [step for step, _ in store.steps()],
            "ready": self.directory.model.is_file() or bool(store.steps()),
        }


def _about(recipe: AnyRecipe, data: DataFacts) -> dict[str, Any]:
    """What is known of the data and how they are read."""
    if isinstance(recipe, TextRecipe):
        return {
            "texts": data.count,
            "tokens": recipe.medium.tokens,
            "vocabulary": data.vocabulary,
            "context": recipe.medium.context,
            "process": recipe.process.kind,
        }
    if isinstance(recipe, AudioRecipe):
        sound = recipe.medium
        return {
            "sounds": data.count,
            "seconds": sound.seconds,
            "rate": sound.rate,
            "channels": sound.channels,
            "representation": sound.representation.kind,
        }
    medium = recipe.medium
    return {"pictures": data.count, "size": medium.size, "channels": medium.channels}


def open_run(run: str | Path) -> Run:
    """Open a run by its path, or by its name under ``runs/``.

    Raises:
        RunError: There is none.
    """
    return Run.open(run)


def train(
    source: str | Path,
    *,
    recipe: str | None = None,
    name: str | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    settings: Iterable[str] = (),
    root: str | Path = ROOT,
) -> Run:
    """Train a model of a folder, a file or a catalogue's data set, showing progress.

    Args:
        source: A folder of pictures, sounds or texts, a file of texts, or a name such as
            ``openmoji``.
        recipe: Name of the recipe; by default the one that suits the data.
        name: Of the run; made from data and recipe if None.
        steps: Length of the run in optimiser steps.
        minutes: Length of the run in minutes.
        settings: Single settings to change, each ``path.to.setting=value``.
        root: Folder of all runs.

    Returns:
        The finished run.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; everything is saved first.
        SfumatoError: See ``sfumato.errors``.
    """
    plan = training.planned_for(source, recipe, steps, minutes, settings)
    with stop_on_signals() as stop:
        return _watched(training.train(source, plan, name, Path(root), stop))


def watch(events: Iterator[Any], console: Console) -> RunDirectory:
    """Show the events of a training run as they come; returns the run's directory."""
    directory: RunDirectory | None = None
    with choose_display(console) as display:
        for event in _told(events, console):
            if isinstance(event, RunDirectory):
                directory = event
                console.print(f"run {directory.root}", highlight=False, markup=False)
            else:
                display.show(event)
    if directory is None:
        raise RuntimeError("training ended without a run")
    return directory


def _told(events: Iterator[Any], console: Console) -> Iterator[Any]:
    """Say what happens before training, at the end of reading and every few seconds on the way."""
    said: float | None = None
    for event in events:
        if isinstance(event, Fetching):
            text = f"data {event.name} (a download of {event.megabytes} MB the first time)"
            console.print(text, highlight=False)
        elif isinstance(event, Reading):
            now = time.monotonic()
            said = now if said is None else said
            if event.done == event.total or now - said > _READING_SECONDS:
                said = now
                aside = f", {event.rejected} set aside" if event.rejected else ""
                console.print(f"read {event.done:,} of {event.total:,} {event.unit}{aside}")
        else:
            yield event


def _watched(events: Iterator[Any]) -> Run:
    return Run(watch(events, Console(stderr=True)))


__all__ = ["Run", "Samples", "Sounds", "Texts", "open_run", "train", "watch"]
