"""Training a run: from what was asked to a model, as a stream of events."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import sfumato
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import (
    Done,
    Doubled,
    EvaluationDue,
    Event,
    PreviewDue,
    Saved,
    Skipped,
    Warned,
)
from sfumato.engine.lock import RunLock
from sfumato.engine.log import JsonLog, TensorBoardLog
from sfumato.engine.loop import Trainer
from sfumato.engine.machine import choose_device
from sfumato.engine.memory import memory_explained
from sfumato.engine.settings import Budget
from sfumato.engine.signals import StopRequest
from sfumato.errors import Diverged, Interrupted, LateBatch, RunError, SettingError
from sfumato.media.medium import Data
from sfumato.media.registry import DEFAULT, AnyRecipe, find
from sfumato.recipes import override
from sfumato.runs import card
from sfumato.runs import spec as specs
from sfumato.runs import weights as model
from sfumato.runs.directory import ROOT, RunDirectory, checked_name, claim
from sfumato.runs.snapshots import keep_early, keep_if_best
from sfumato.runs.spec import Spec
from sfumato.storage import PARTIAL, sweep
from sfumato.training.blame import awaited, traced, whose
from sfumato.training.data import prepare, reopen, task_for
from sfumato.training.overfitting import Overfitting
from sfumato.training.source import recipe_for
from sfumato.training.task import BatchT, Measures, Task
from sfumato.training.watching import watched_so_far

_LESS_AT_ONCE = (
    "Close other programs, or begin a run with --set engine.accumulate=4, which takes a batch in "
    "four parts with the same gradient, with a smaller engine.batch, or with a smaller network."
)


def planned(
    recipe: str = DEFAULT,
    steps: int | None = None,
    minutes: float | None = None,
    changes: Iterable[str] = (),
) -> AnyRecipe:
    """A recipe by name, with single settings and the length of the run replaced.

    Raises:
        SettingError: The recipe or a setting is unknown, or a value does not fit.
    """
    return _lasting(override(find(recipe), changes), steps, minutes)


def planned_for(
    source: str | Path,
    recipe: str | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    changes: Iterable[str] = (),
) -> AnyRecipe:
    """The same for some data, see :func:`~sfumato.training.source.recipe_for`."""
    return _lasting(recipe_for(source, recipe, changes), steps, minutes)


def _lasting(recipe: AnyRecipe, steps: int | None, minutes: float | None) -> AnyRecipe:
    """The recipe for a run of another length; as it is if neither length is given."""
    if steps is None and minutes is None:
        return recipe
    budget = [f"budget.steps={json.dumps(steps)}", f"budget.minutes={json.dumps(minutes)}"]
    return override(recipe, budget)


def train(
    source: str | Path,
    recipe: AnyRecipe,
    name: str | None = None,
    root: Path = ROOT,
    stop: StopRequest | None = None,
    tensorboard: bool = False,
) -> Iterator[Event | RunDirectory]:
    """Begin a run and train it.

    Args:
        source: A folder, or a name in the catalogue.
        recipe: The plan, see :func:`planned`.
        name: Of the run; by default made from the data and the recipe.
        root: Folder of all runs.
        stop: Asks for an early stop with everything saved.
        tensorboard: Also write curves for TensorBoard, into the run's folder.

    Yields:
        Progress of reading, then the run's directory once it exists, then events of training.

    Raises:
        RunError: A run of that name exists.
        Interrupted: When asked to stop; before the first step nothing is begun.
        SfumatoError: See ``training.data`` and ``engine.loop``.
    """
    if tensorboard:
        TensorBoardLog.require()
    directory = None if name is None else RunDirectory(root / checked_name(name))
    if directory is not None:
        _require_new(directory)
    data = yield from _read(prepare(source, recipe), stop)
    spec = Spec(version=sfumato.__version__, recipe=data.settled(), data=data.facts)
    with memory_explained("The network", _LESS_AT_ONCE):
        model.build(spec)  # A plan that cannot be built fails here, before anything is written.
    if directory is None:
        stem = f"{Path(data.facts.source).name}-{recipe.name}"
        directory = RunDirectory(claim(stem, root))
    with RunLock(directory.root):
        _require_new(directory)  # Another process may have been quicker.
        data.store(directory.root)
        specs.write(directory.spec, spec)
        yield directory
        with memory_explained("Training", _LESS_AT_ONCE):
            yield from _run(directory, spec, data, stop, tensorboard)


def resume(
    directory: RunDirectory,
    steps: int | None = None,
    minutes: float | None = None,
    stop: StopRequest | None = None,
    tensorboard: bool = False,
) -> Iterator[Event | RunDirectory]:
    """Go on with a run from its newest whole checkpoint.

    Args:
        directory: The run.
        steps: New total length in steps.
        minutes: New total length in minutes.
        stop: Asks for an early stop with everything saved.
        tensorboard: Also write curves for TensorBoard, into the run's folder.

    Yields:
        As :func:`train`.

    Raises:
        RunError: The data is not what the run began with; nothing was changed.
        SettingError: The run is longer than ``steps`` already.
        SfumatoError: See ``training.data`` and ``engine.loop``.
    """
    if tensorboard:
        TensorBoardLog.require()
    with RunLock(directory.root):
        spec = specs.read(directory.spec)
        recipe = _lasting(spec.recipe, steps, minutes)
        _require_ahead(directory, steps)
        yield directory
        data = yield from _read(reopen(directory, spec.model_copy(update={"recipe": recipe})), stop)
        if recipe != spec.recipe:
            spec = spec.model_copy(update={"recipe": recipe})
            specs.write(directory.spec, spec)
        with memory_explained("Training", _LESS_AT_ONCE):
            yield from _run(directory, spec, data, stop, tensorboard)


def _require_new(directory: RunDirectory) -> None:
    """Refuse a folder that holds anything but a lock."""
    if directory.spec.exists():
        raise RunError(
            f"There is a run '{directory.name}' already.",
            hint=f"go on with: sfumato resume {directory.root}   (or choose another --name)",
        )
    present = directory.root.iterdir() if directory.root.is_dir() else ()
    names = sorted(path.name for path in present)
    others = [name for name in names if name != "lock" and not name.startswith(PARTIAL)]
    if others:
        raise RunError(
            f"The folder '{directory.root}' is no run and is not empty.",
            why=f"it holds {others[0]}",
            hint="choose another --name, or move the files away.",
        )


def _require_ahead(directory: RunDirectory, steps: int | None) -> None:
    """Refuse a length that lies behind what was trained already."""
    done = max((step for step, _ in CheckpointStore(directory.checkpoints).steps()), default=0)
    if steps is not None and steps < done:
        raise SettingError(
            f"The run '{directory.name}' cannot become {steps} steps long.",
            why=f"it has trained {done} steps already",
            hint=f"--steps is the new total length: give more than {done}.",
        )


def _read(events: Iterator[Event | Data], stop: StopRequest | None) -> Generator[Event, None, Data]:
    """Yield the progress of reading and return the data."""
    for event in events:
        if isinstance(event, Data):
            return event
        yield event
        if stop is not None and stop.signum is not None:
            raise Interrupted(
                "Reading the data was stopped; no step was trained.",
                signum=stop.signum,
                hint="run the same command again to start over.",
            )
    raise RuntimeError("reading ended without data")


def _run(
    directory: RunDirectory,
    spec: Spec,
    data: Data,
    stop: StopRequest | None,
    tensorboard: bool,
) -> Iterator[Event]:
    """Train, and do at each event what the run's files need. The run's lock is held."""
    for folder in (directory.root, directory.previews, directory.early):
        sweep(folder)  # A killed session may have left drafts; the checkpoints' are swept below.
    recipe, settings = spec.recipe, spec.recipe.engine
    denoiser = model.build(spec).to(choose_device())
    task = task_for(data, spec, denoiser)
    watched = watched_so_far(directory, spec, data)
    trainer = Trainer(
        denoiser.backbone,
        task.loss,
        task.batch,
        settings,
        CheckpointStore(directory.checkpoints, settings.keep, settings.milestone_steps),
        identity={"data": data.facts.fingerprint, "seed": recipe.seed},
    )
    with ExitStack() as stack:
        logs: list[JsonLog | TensorBoardLog] = [JsonLog(directory.log)]
        if tensorboard:
            logs.append(TensorBoardLog(directory.root / "tensorboard"))
        for log in logs:
            stack.callback(log.close)
        try:
            for event in trainer.run(Budget(recipe.budget.steps, recipe.budget.minutes), stop):
                for said in _answered(event, directory, spec, task, trainer, watched):
                    for log in logs:
                        log.write(said)
                    yield said
        except LateBatch as error:
            raise awaited(error, task, settings.batch) from error
        except Diverged as error:
            raise traced(error, task) from error
        except Interrupted as error:
            hint = f"go on with: sfumato resume {directory.root}"
            raise Interrupted(error.what, error.signum, hint) from error


def _answered(
    event: Event,
    directory: RunDirectory,
    spec: Spec,
    task: Task[BatchT],
    trainer: Trainer[BatchT],
    watched: Overfitting,
) -> Iterator[Event]:
    """The event itself, after publishing what was saved; for an evaluation, what it measured."""
    # A run that was killed between saving its last step and publishing it has nothing left to save.
    if isinstance(event, Saved) or (
        isinstance(event, Done) and model.published_step(directory) != event.step
    ):
        model.publish(directory, trainer.ema.tensors(), event.step)
        card.write(directory, spec, event.step)
    if isinstance(event, Doubled):
        keep_early(directory, trainer.ema.tensors(), event.step)
        return
    if isinstance(event, EvaluationDue):
        with trainer.ema.swapped():
            measures = task.measures()
        if measures is not None:
            yield from _told(measures, directory, trainer, watched)
        return
    if isinstance(event, Skipped):
        names = whose(task, event.step, event.places)
        yield Warned(step=event.step, message=f"Step {event.step} is skipped: {event.why}{names}.")
        return
    yield event
    if isinstance(event, PreviewDue):
        with trainer.ema.swapped():
            task.preview(directory, event.step)


def _told(
    measures: Measures,
    directory: RunDirectory,
    trainer: Trainer[BatchT],
    watched: Overfitting,
) -> Iterator[Event]:
    """The measures as events, then whether they were the best, then advice if there is any."""
    step = trainer.state.step
    held_out, training = measures.metrics(step)
    yield from (held_out, training)
    kept = keep_if_best(directory, held_out, trainer.ema.tensors())
    if kept is not None:
        yield kept
    advice = watched(measures)
    if advice is not None:
        yield Warned(step=step, message=advice)
