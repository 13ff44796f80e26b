"""A run as an object: the face that Python users see."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from rich.console import Console

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.engine.progress import choose_display
from sfumato.engine.signals import stop_on_signals
from sfumato.errors import SettingError
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.text.recipe import TextRecipe
from sfumato.model.audio import AudioModel
from sfumato.model.image import ImageModel
from sfumato.model.options import EvaluateOptions, ScoreOptions, made
from sfumato.model.request import Made, Request
from sfumato.model.samples import Samples, Sounds, Texts
from sfumato.model.text_request import MadeTexts, TextRequest
from sfumato.model.tokens import TextModel
from sfumato.runs import spec as specs
from sfumato.runs.directory import ROOT, RunDirectory, locate
from sfumato.runs.info import facts_of
from sfumato.runs.spec import Spec
from sfumato.runs.weights import LATEST
from sfumato.training import train as training
from sfumato.training.source import Fetching, Reading
from sfumato.verbs.filling import Filled, Gaps, fill

if TYPE_CHECKING:
    from sfumato.evaluation.result import Report
    from sfumato.evaluation.score import Scores
    from sfumato.metrics.extractor import Extractor

ResultT = TypeVar("ResultT")
_READING_SECONDS = 5.0


class Run:
    """A run directory opened for reading; the model is loaded when it is first needed.

    Args:
        directory: Where the run is.
        snapshot: Which weights, ``latest`` or ``best`` by what was held out.

    Raises:
        RunError: The run was made by a newer version.
        DamagedFile: Its spec cannot be read.
    """

    def __init__(self, directory: RunDirectory, snapshot: str = LATEST) -> None:
        self.directory = directory
        self.snapshot = snapshot
        self.spec: Spec = specs.read(directory.spec)

    @classmethod
    def open(cls, run: str | Path, snapshot: str = LATEST) -> Run:
        """Open a run by its path, or by its name under ``runs/``; see the class.

        Raises:
            RunError: There is none.
        """
        return cls(locate(run), snapshot)

    @property
    def name(self) -> str:
        """Of the run."""
        return self.directory.name

    @cached_property
    def model(self) -> ImageModel | AudioModel | TextModel:
        """The trained model, ready to sample."""
        if isinstance(self.spec.recipe, TextRecipe):
            return TextModel(self.directory, self.spec, self.snapshot)
        if isinstance(self.spec.recipe, AudioRecipe):
            return AudioModel(self.directory, self.spec, self.snapshot)
        return ImageModel(self.directory, self.spec, self.snapshot)

    @property
    def denoiser(self) -> NetworkDenoiser | TokenDenoiser:
        """The trained denoiser, for use with ``sfumato.sampling`` and ``sfumato.guidance``."""
        return self.model.denoiser

    def sample(self, n: int | None = None, **asked: Any) -> Samples | Sounds | Texts:
        """Make samples.

        Args:
            n: How many; by default 16 pictures or sounds, or 4 texts.
            **asked: ``seed``, ``steps``, ``sampler``, ``label``, ``scale``, ``batch``, ``first``,
                ``precision``, ``compiled``; for pictures and sounds ``start``, ``strength`` and
                ``seconds``, for text ``temperature``, ``top_p`` and ``length``; see ``request`` of
                :class:`~sfumato.model.numbers.GaussianModel` and
                :class:`~sfumato.model.tokens.TextModel`.

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
            **asked: See :class:`~sfumato.verbs.filling.Gaps`.

        Raises:
            RunError: The run is not one on text.
            SettingError: There is no gap, or a value is out of range.
            DataError: The text is too long, or holds a character that the model has never seen.
        """
        return fill(self._of_text(), Gaps(text, **asked))

    def evaluate(self, *, extractors: Sequence[Extractor[Any]] = (), **asked: Any) -> Report:
        """Measure the model: its samples beside real items, and how likely it finds those.

        Args:
            extractors: Your own, beside those of the medium.
            **asked: See :class:`~sfumato.model.options.EvaluateOptions`.

        Returns:
            Figures by their keys, such as ``report["likelihood/held_out"].value``.

        Raises:
            RunError: The data changed since training.
            SettingError: A value is out of range.
        """
        # What measures is large, and most runs are opened to sample.
        from sfumato.evaluation.evaluate import evaluate

        options = made(EvaluateOptions, **asked, extractors=tuple(extractors))
        return _concluded(evaluate(self.model, options)).report

    def score(self, *files: str | Path, **asked: Any) -> Scores:
        """Tell how likely the model finds files, the least likely first.

        Args:
            *files: Files, and folders of them; what cannot be read is set aside.
            **asked: See :class:`~sfumato.model.options.ScoreOptions`.

        Raises:
            DataError: Nothing could be read.
            SettingError: A value is out of range, or of another medium.
        """
        from sfumato.evaluation.score import score

        return _concluded(score(self.model, files, made(ScoreOptions, **asked)))

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
        return facts_of(self.directory, self.spec)


def open_run(run: str | Path, snapshot: str = LATEST) -> Run:
    """Open a run by its path, or by its name under ``runs/``; see :class:`Run`.

    Raises:
        RunError: There is none.
    """
    return Run.open(run, snapshot)


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


def _concluded(steps: Generator[Any, None, ResultT]) -> ResultT:
    """What a measurement comes to, its progress unseen."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: ResultT = end.value
            return result


def _watched(events: Iterator[Any]) -> Run:
    return Run(watch(events, Console(stderr=True)))


__all__ = ["Run", "Samples", "Sounds", "Texts", "open_run", "train", "watch"]
