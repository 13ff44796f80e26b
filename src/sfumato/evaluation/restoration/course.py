"""Restoring held-out items: from options to a report."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.errors import DataError, SettingError
from sfumato.evaluation.display import Display
from sfumato.evaluation.evaluate import Evaluation, evaluate
from sfumato.evaluation.features import evenly_spaced
from sfumato.evaluation.of import view_of
from sfumato.evaluation.of.numbers import NumberView
from sfumato.evaluation.real import Real, require_enough
from sfumato.evaluation.restoration.display import displays_of
from sfumato.evaluation.restoration.figures import Reference, sections_of
from sfumato.evaluation.restoration.likeness import stored
from sfumato.evaluation.restoration.outcome import Outcome, Outcomes
from sfumato.evaluation.restoration.trial import Trial
from sfumato.evaluation.restoration.trials import trials_of
from sfumato.evaluation.result import Report, Section
from sfumato.media.editing import Task
from sfumato.model.checks import require_within
from sfumato.model.edit_options import EditOptions
from sfumato.model.edits import EditingModel
from sfumato.model.model import Model
from sfumato.model.options import EvaluateOptions
from sfumato.model.provenance import Made, Request
from sfumato.process.rng import Stream, normal
from sfumato.restoration import Identity, Observation
from sfumato.restoration.method import Method
from sfumato.runs.progress import Progress

ITEMS, SAMPLES = 8, 8
"""Numbers of held-out items, and of samples of each, by default."""
_MOST_SAMPLES = 1024
# Real items that restored ones are compared with.
_MOST_REAL = 1000
_UNUSED = ("rows", "draws")
_PASSED = ("steps", "sampler", "label", "scale")


@dataclass(frozen=True)
class Restored:
    """The result of an evaluation of restoration.

    Attributes:
        report: The figures.
        displays: What a page shows next to them.
    """

    report: Report
    displays: tuple[Display, ...]


def evaluated(
    model: Model[Any], options: EvaluateOptions
) -> Generator[Progress, None, Evaluation | Restored]:
    """Evaluate samples, or restoration if the options name a trial; yields progress.

    Raises:
        SfumatoError: See :func:`restore` and :func:`~sfumato.evaluation.evaluate.evaluate`.
    """
    if options.restore:
        return (yield from restore(model, options))
    if options.restore_samples is not None:
        raise SettingError(
            "The option 'restore_samples' has no use alone.",
            hint="name what is restored too, such as --restore inpaint.",
        )
    return (yield from evaluate(model, options))


def restore(model: Model[Any], options: EvaluateOptions) -> Generator[Progress, None, Restored]:
    """Observe held-out items, restore them, and compare with the truth; yields progress.

    The noise of an observation depends on the seed and on the place of its item among the held-out
    ones, and the samples of an item have indices of their own, so nothing depends on how many
    items are restored or how many samples are made at a time. All figures but the seconds are a
    function of the weights, the data and the options.

    Args:
        model: Model of a run.
        options: What to measure; ``restore`` names at least one trial.

    Raises:
        SettingError: A value is out of range, or a trial does not fit the medium.
        DataError: The data are gone, or nothing is held out.
        RunError: The data are not those that the run was started with.
    """
    view = view_of(model)(model, options)
    if not isinstance(view, NumberView) or not isinstance(model, EditingModel):
        raise SettingError(f"Restoration of {model.medium.plural} cannot be measured.")
    trials = trials_of(model.medium, options.restore)
    course = Course(model, view, options)
    real = yield from view.real()
    require_enough(model, real)
    places = course.places(len(real.held_out))
    reference = yield from _reference(view, real, places)
    sections: list[Section] = []
    displays: list[Display] = []
    for trial in trials:
        outcomes = yield from course.outcomes(trial, real.held_out, places)
        own = sections_of(outcomes, view, reference, options.seed)
        sections += own
        displays += displays_of(outcomes, view, own)
    sample = course.request.sample.stored()
    report = Report(
        run=model.directory.name,
        medium=model.medium.name,
        model=model.fingerprint,
        snapshot=model.snapshot,
        step=model.step,
        seed=options.seed,
        split=real.split,
        sampling={"items": len(places), "samples": course.samples}
        | {name: sample[name] for name in ("method", "steps", "label", "scale")},
        sections=tuple(sections),
        notes=tuple(_notes(real, course)),
    )
    return Restored(report, tuple(displays))


class Course:
    """The observations and the restorations of the items of one evaluation.

    Args:
        model: Model of a run.
        view: The medium as an evaluation sees it.
        options: What to measure.
        method: The method of restoration; None for the default of edits.

    Attributes:
        items: Number of items to restore.
        samples: Number of restorations of each.
        request: The request for restorations, of any item.

    Raises:
        SettingError: A value is out of range.
    """

    def __init__(
        self,
        model: EditingModel,
        view: NumberView,
        options: EvaluateOptions,
        method: str | Method | None = None,
    ) -> None:
        for name in _UNUSED:
            if getattr(options, name) is not None:
                raise SettingError(f"The option '{name}' has no use with 'restore'.")
        self.model, self.view, self.options, self._method = model, view, options, method
        self.samples = SAMPLES if options.restore_samples is None else options.restore_samples
        require_within("restore_samples", self.samples, 2, _MOST_SAMPLES)
        self.items = ITEMS if options.n is None else options.n
        self.shape = tuple(model.medium.signal_shape)
        # Refused, if it has to be, before any work is done.
        known = Observation(Identity(), torch.zeros(1, *self.shape), torch.ones(()))
        self.request = self._request(self._task(known, 1.0, np.zeros(0)), 0)

    def places(self, held_out: int) -> list[int]:
        """The places of the items to restore among the held-out ones, evenly spaced.

        Raises:
            DataError: Nothing is held out.
        """
        if not held_out:
            raise DataError(
                "Restoration cannot be measured.",
                why="no items were held out",
                hint="name other items: --data FOLDER.",
            )
        return evenly_spaced(held_out, self.items).tolist()

    def outcomes(
        self, trial: Trial, items: NDArray[Any], places: Sequence[int]
    ) -> Generator[Progress, None, Outcomes]:
        """Observe and restore items."""
        method = self.request.sample.method
        rows = len(places) * self.samples * (1 if method is None else method.rows)
        cost = f"{rows * self.request.sample.steps:,} network evaluations of one item"
        yield Progress(f"restoring by {trial.name}, {cost}: items", 0, len(places))
        found = []
        for done, place in enumerate(places):
            what = f"restoring by {trial.name}: {done} of {len(places)} items done, step"
            found.append((yield from self._outcome(trial, items[place : place + 1], place, what)))
        return Outcomes(trial, tuple(found))

    def _outcome(
        self, trial: Trial, item: NDArray[Any], place: int, what: str
    ) -> Generator[Progress, None, Outcome]:
        encoded = self.model.medium.examples(item)
        filled = 1.0 if encoded.filled is None else encoded.filled.item()
        operator = trial.operator(filled)
        clean = operator.forward(encoded.x0)
        noise = normal(self.options.seed, Stream.OBSERVATION, [place], clean.shape[1:])
        values = (clean + trial.noise * noise).to(self.model.device)
        deviation = torch.full((), trial.noise, device=self.model.device)
        task = self._task(Observation(operator, values, deviation), filled, item)
        request = self._request(task, place * self.samples)
        began = time.perf_counter()
        made: list[Made] = []
        for low in range(0, self.samples, request.batch):
            first, count = request.sample.index + low, min(request.batch, self.samples - low)
            for event in self.model.edited(request, task, range(first, first + count), low):
                if isinstance(event, Made):
                    made.append(event)
                else:
                    yield Progress(what, event.state.step, event.state.steps)
        items = [np.asarray(part.items) for part in made]
        return Outcome(
            place=place,
            item=item,
            filled=filled,
            truth=encoded.x0,
            samples=stored(self.view, torch.from_numpy(np.concatenate(items))),
            operator=operator,
            values=values.cpu(),
            fits=tuple(fit for part in made for fit in part.fits),
            misfit=task.observation.misfit(encoded.x0.to(self.model.device)).item(),
            seconds=(time.perf_counter() - began) / self.samples,
        )

    def _task(self, observation: Observation, filled: float, item: NDArray[Any]) -> Task:
        return Task(observation, self.shape, None, filled, _as_array, item)

    def _request(self, task: Task, first: int) -> Request:
        given = self.options.given(*_PASSED)
        given = {**given, "seed": self.options.seed, "first": first, "method": self._method}
        options = EditOptions(self.samples, **given)
        return self.model.task_request(task, options)


def _reference(
    view: NumberView, real: Real[NDArray[Any]], places: Sequence[int]
) -> Generator[Progress, None, Reference]:
    """The real items that restored ones are compared with."""
    chosen = set(places)
    others = [place for place in range(len(real.held_out)) if place not in chosen]
    others = [others[place] for place in evenly_spaced(len(others), _MOST_REAL).tolist()]
    extractors = [*view.extractors(real), *view.requested]
    training = evenly_spaced(len(real.training), _MOST_REAL).numpy()
    yield Progress("extracting features of real items: items", 0, len(others) + len(training))
    return Reference.of(
        extractors, view, real.training[training], real.held_out[np.array(others, np.int64)]
    )


def _notes(real: Real[NDArray[Any]], course: Course) -> Iterator[str]:
    if real.split.held_out_source is not None:
        yield f"the restored items are those of {real.split.held_out_source}"
    if course.request.sample.covariance is None:
        yield (
            "the run has no covariance of its data, so all numbers count as independent: "
            "restoration is less exact"
        )


def _as_array(x0: Tensor) -> NDArray[np.float32]:
    """Restored data as they are, in the encoding of the medium."""
    found: NDArray[np.float32] = x0.detach().to("cpu", torch.float32).numpy()
    return found
