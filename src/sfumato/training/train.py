"""Training a run, from a source of data to a trained model in its directory.

:func:`train` begins a run and :func:`resume` continues one. Both read the data, write the spec
with the run's lock held, and then call :func:`_run`, which builds the network, the task and the
trainer and yields the events of training. Evaluations, previews and published weights are in
``training.watch``; one optimiser step is in ``engine.step``.
``docs/training-step.md`` follows a step through the files.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sfumato
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Event, Skipped
from sfumato.engine.lock import RunLock
from sfumato.engine.log import JsonLog, TensorBoardLog
from sfumato.engine.loop import Trainer
from sfumato.engine.machine import choose_device, memory_explained
from sfumato.engine.settings import Budget
from sfumato.engine.signals import StopRequest
from sfumato.errors import DiskFull, Interrupted, RunError, SettingError
from sfumato.media.medium import Data, Summary
from sfumato.media.registry import AnyRecipe
from sfumato.model.options import TrainOptions
from sfumato.runs import covariance as covariances
from sfumato.runs import spec as specs
from sfumato.runs import weights
from sfumato.runs.directory import (
    ROOT,
    RunDirectory,
    checked_name,
    claim,
    require_own,
    require_room_for_files,
    sweep,
)
from sfumato.runs.initial import InitialWeights, begin_with_initial
from sfumato.runs.place import seen_from
from sfumato.runs.spec import Spec
from sfumato.storage import PARTIAL
from sfumato.training.bad_batches import files_named, skip_warning
from sfumato.training.data import prepare, reopen, task_for
from sfumato.training.overfitting import Overfitting
from sfumato.training.plan import planned, planned_for, with_length
from sfumato.training.watch import RunWatch

_LESS_MEMORY = (
    "Close other programs, or begin a run with --settings engine.accumulate=4, which processes a "
    "batch in four parts with the same gradient, with a smaller engine.batch or a smaller network."
)


def train_with(
    source: str | Path,
    options: TrainOptions,
    root: Path = ROOT,
    stop: StopRequest | None = None,
) -> Iterator[Event | RunDirectory]:
    """Plan a run from options, begin it and train it; see :func:`planned_for` and :func:`train`.

    Args:
        source: A folder, a file, or a name in the catalogue.
        options: How to train.
        root: Folder of all runs.
        stop: Request for an early stop with everything saved.
    """
    initial = None if options.from_run is None else InitialWeights.of(options.from_run, root)
    recipe = planned_for(source, options, None if initial is None else initial.spec.recipe)
    return train(source, recipe, options.name, root, stop, options.tensorboard, initial)


def train(
    source: str | Path,
    recipe: AnyRecipe,
    name: str | None = None,
    root: Path = ROOT,
    stop: StopRequest | None = None,
    tensorboard: bool = False,
    initial: InitialWeights | None = None,
) -> Iterator[Event | RunDirectory]:
    """Begin a run and train it.

    Args:
        source: A folder, a file, or a name in the catalogue.
        recipe: The plan, see :func:`planned`.
        name: Name of the run; by default made from the data and the recipe.
        root: Folder of all runs.
        stop: Request for an early stop with everything saved.
        tensorboard: Also write curves for TensorBoard, into the run's folder.
        initial: The weights of another run to begin with; a run on text also takes its tokenizer.

    Yields:
        Progress of reading, then the run's directory once it exists, then events of training.

    Raises:
        RunError: A run of that name exists.
        SettingError: The weights do not fit the network of the plan.
        Interrupted: ``stop`` was set.
        SfumatoError: See ``training.data`` and ``engine.loop``.
    """
    if tensorboard:
        TensorBoardLog.require()
    directory = None if name is None else RunDirectory(root / checked_name(name))
    if directory is not None:
        _require_new(directory)

    stored = None if initial is None else initial.folder
    data = yield from _read(prepare(source, recipe, stored), stop)
    spec = Spec(
        version=sfumato.__version__,
        recipe=data.settled(),
        data=data.facts,
        initial=None if initial is None else initial.facts,
    )
    with memory_explained("The network", _LESS_MEMORY):
        denoiser = weights.build(spec)  # An invalid plan fails here, before anything is written.
    if initial is not None:
        initial.require_fit(denoiser, spec)

    if directory is None:
        stem = f"{Path(data.facts.source).name}-{recipe.name}"
        directory = RunDirectory(claim(stem, root))
    with RunLock(directory.root):
        _require_new(directory)  # Another process may have created the run meanwhile.
        data = data.with_facts(seen_from(directory.root, data.facts))
        spec = spec.model_copy(update={"data": data.facts})
        data.store(directory.root)
        if initial is not None:
            initial.store(directory)
        specs.write(directory.spec, spec)
        yield directory
        if initial is not None:
            yield from initial.notes(spec)
        yield from _run(directory, spec, data, stop, tensorboard)


def resume(
    directory: RunDirectory,
    steps: int | None = None,
    minutes: float | None = None,
    stop: StopRequest | None = None,
    tensorboard: bool = False,
    data_at: str | Path | None = None,
) -> Iterator[Event | RunDirectory]:
    """Resume a run from its newest intact checkpoint.

    Args:
        directory: The run.
        steps: New total length in steps.
        minutes: New total length in minutes.
        stop: Request for an early stop with everything saved.
        tensorboard: Also write curves for TensorBoard, into the run's folder.
        data_at: Where the data of the run are, if they were moved. Wherever they are found, their
            place is stored in the spec.

    Yields:
        The run's directory, then progress of reading, then events of training.

    Raises:
        RunError: The data changed since the run began; the run is not changed.
        SettingError: The run is already longer than ``steps``.
        SfumatoError: See ``training.data`` and ``engine.loop``.
    """
    if tensorboard:
        TensorBoardLog.require()
    require_own(directory)
    require_room_for_files(directory)
    with RunLock(directory.root):
        spec = specs.read(directory.spec)
        recipe = with_length(spec.recipe, steps, minutes)
        _require_ahead(directory, steps)
        yield directory
        data = yield from _read(reopen(directory, spec.data, recipe, data_at), stop)
        if (recipe, data.facts) != (spec.recipe, spec.data):
            spec = spec.model_copy(update={"recipe": recipe, "data": data.facts})
            specs.write(directory.spec, spec)
        yield from _run(directory, spec, data, stop, tensorboard)


def _run(
    directory: RunDirectory,
    spec: Spec,
    data: Data,
    stop: StopRequest | None,
    tensorboard: bool,
) -> Iterator[Event]:
    """Build everything, train, and log every event. The run's lock is held."""
    sweep(directory)  # A killed session may have left drafts.
    recipe, settings = spec.recipe, spec.recipe.engine
    budget = Budget(recipe.budget.steps, recipe.budget.minutes)

    with memory_explained("Training", _LESS_MEMORY), ExitStack() as stack:
        # The network, with fresh weights drawn from the seed; the trainer loads a checkpoint.
        denoiser = weights.build(spec).to(choose_device())
        begin_with_initial(directory, spec, denoiser)
        covariances.store(directory, data.covariance)
        # The task: batches as a function of the step, the loss, measures and previews.
        task = task_for(data, spec, denoiser)
        overfitting = Overfitting.resumed(directory, spec, data)
        trainer = Trainer(
            denoiser.backbone,
            task.loss,
            task.batch,
            settings,
            CheckpointStore(directory.checkpoints, settings.keep, settings.milestone_steps),
            identity=spec.identity,
        )
        watch = RunWatch(directory, spec, task, trainer.ema, overfitting)
        logs = _open_logs(directory, tensorboard, stack)

        with files_named(task, settings), _resume_hint(directory):
            for event in trainer.run(budget, stop, watch):
                if isinstance(event, Skipped):
                    event = skip_warning(event, task)
                for log in logs:
                    log.write(event)
                yield event


def _open_logs(
    directory: RunDirectory, tensorboard: bool, stack: ExitStack
) -> list[JsonLog | TensorBoardLog]:
    """The logs of a session, which the stack closes."""
    logs: list[JsonLog | TensorBoardLog] = [JsonLog(directory.log)]
    if tensorboard:
        logs.append(TensorBoardLog(directory.tensorboard))
    for log in logs:
        stack.callback(log.close)
    return logs


@contextmanager
def _resume_hint(directory: RunDirectory) -> Iterator[None]:
    """A context in which an interruption or a full disk names the command that resumes the run."""
    hint = f"continue with: sfumato resume {directory.root}"
    try:
        yield
    except Interrupted as error:
        raise Interrupted(error.what, error.signum, hint) from error
    except DiskFull as error:
        remedy = error.hint.partition(" and run")[0]
        raise DiskFull(error.what, error.why, f"{remedy}, then {hint}") from error


def _read(events: Iterator[Event | Data], stop: StopRequest | None) -> Generator[Event, None, Data]:
    """Yield the progress of reading and a summary of the data, and return the data.

    Raises:
        Interrupted: ``stop`` was set.
    """
    for event in events:
        if isinstance(event, Data):
            yield Summary(step=0, rows=tuple(event.summary()))
            return event
        yield event
        if stop is not None and stop.signum is not None:
            raise Interrupted(
                "Reading the data was stopped; no step was trained.",
                signum=stop.signum,
                hint="run the same command again to start over.",
            )
    raise RuntimeError("reading ended without data")


def _require_new(directory: RunDirectory) -> None:
    """Check that a folder holds nothing but a lock."""
    if directory.spec.exists():
        raise RunError(
            f"There is a run '{directory.name}' already.",
            hint=f"continue with: sfumato resume {directory.root}   (or choose another --name)",
        )
    present = directory.root.iterdir() if directory.root.is_dir() else ()
    names = sorted(path.name for path in present)
    others = [name for name in names if name != "lock" and not name.startswith(PARTIAL)]
    if others:
        raise RunError(
            f"The folder '{directory.root}' is not a run and is not empty.",
            why=f"it holds {others[0]}",
            hint="choose another --name, or move the files away.",
        )


def _require_ahead(directory: RunDirectory, steps: int | None) -> None:
    """Check that a total length is not below the number of trained steps."""
    found = CheckpointStore(directory.checkpoints).steps()
    done = max((step for step, path in found if path.is_dir()), default=0)
    if steps is not None and steps < done:
        raise SettingError(
            f"The run '{directory.name}' cannot become {steps} steps long.",
            why=f"it has trained {done} steps already",
            hint=f"--steps is the new total length: use more than {done}.",
        )


__all__ = ["planned", "planned_for", "resume", "train", "train_with"]
