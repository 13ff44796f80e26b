"""Training a run: from what was asked to a model, as a stream of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor

import sfumato
from sfumato.denoiser import NetworkDenoiser
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Event, Metric, PreviewDue, Saved
from sfumato.engine.lock import RunLock
from sfumato.engine.log import JsonLog, TensorBoardLog
from sfumato.engine.loop import Trainer
from sfumato.engine.machine import choose_device
from sfumato.engine.settings import Budget
from sfumato.engine.signals import StopRequest
from sfumato.errors import RunError
from sfumato.objective import Regression
from sfumato.recipes import DEFAULT, Recipe, find, override
from sfumato.recipes.recipe import BudgetSettings
from sfumato.run import card, model, preview
from sfumato.run import spec as specs
from sfumato.run.batches import Batch, Batches
from sfumato.run.data import TrainingData, prepare, reopen
from sfumato.run.directory import ROOT, RunDirectory, checked_name, free_name
from sfumato.run.spec import Spec

_HELD_OUT = 256


def planned(
    recipe: str = DEFAULT,
    steps: int | None = None,
    minutes: float | None = None,
    changes: Iterable[str] = (),
) -> Recipe:
    """A recipe by name, with single settings and the length of the run replaced.

    Raises:
        SettingError: The recipe or a setting is unknown, or a value does not fit.
    """
    plan = override(find(recipe), changes)
    if steps is None and minutes is None:
        return plan
    budget = [f"budget.steps={steps or 'null'}", f"budget.minutes={minutes or 'null'}"]
    return override(plan, budget)


def train(
    source: str | Path,
    recipe: Recipe,
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
        SfumatoError: See ``run.data`` and ``engine.loop``.
    """
    directory = RunDirectory(root / checked_name(name)) if name else None
    if directory is not None and directory.spec.exists():
        raise RunError(
            f"There is a run '{directory.name}' already.",
            hint=f"go on with: sfumato resume {directory.name}   (or choose another --name)",
        )
    data: TrainingData | None = None
    for event in prepare(source, recipe.medium, recipe.data):
        if isinstance(event, TrainingData):
            data = event
        else:
            yield event
    if data is None:
        raise RuntimeError("reading ended without data")
    settled = recipe.settled(data.medium.settings, data.sigma())
    spec = Spec(version=sfumato.__version__, recipe=settled, data=data.facts)
    model.build(spec)  # A plan that cannot be built fails here, before anything is written.
    if directory is None:
        stem = f"{Path(data.facts.source).name}-{recipe.name}"
        directory = RunDirectory(root / free_name(stem, root))
    with RunLock(directory.root):
        specs.write(directory.spec, spec)
        yield directory
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
    """
    with RunLock(directory.root):
        spec = specs.read(directory.spec)
        if steps is not None or minutes is not None:
            budget = BudgetSettings(steps=steps, minutes=minutes)
            recipe = spec.recipe.model_copy(update={"budget": budget})
            spec = spec.model_copy(update={"recipe": recipe})
            specs.write(directory.spec, spec)
        yield directory
        for event in reopen(spec.data, spec.recipe.medium, spec.recipe.data):
            if isinstance(event, TrainingData):
                yield from _run(directory, spec, event, stop, tensorboard)
            else:
                yield event


def _run(
    directory: RunDirectory,
    spec: Spec,
    data: TrainingData,
    stop: StopRequest | None,
    tensorboard: bool,
) -> Iterator[Event]:
    """Train, and do at each event what the run's files need."""
    recipe, settings = spec.recipe, spec.recipe.engine
    denoiser = model.build(spec).to(choose_device())
    batches = Batches(data, recipe, spec.classes)
    objective = Regression(recipe.weighting)

    def loss(batch: Batch) -> Tensor:
        return objective(denoiser, batch.x0, batch.t, batch.noise, **batch.cond)

    trainer = Trainer(
        denoiser.backbone,
        loss,
        batches,
        settings,
        CheckpointStore(directory.checkpoints, settings.keep, settings.milestone_steps),
        identity={"data": data.facts.fingerprint, "seed": recipe.seed},
    )
    held_out = batches.held_out(_HELD_OUT)
    with ExitStack() as stack:
        logs: list[JsonLog | TensorBoardLog] = [JsonLog(directory.log)]
        if tensorboard:
            logs.append(TensorBoardLog(directory.root / "tensorboard"))
        for log in logs:
            stack.callback(log.close)
        for event in trainer.run(Budget(recipe.budget.steps, recipe.budget.minutes), stop):
            for said in _answered(event, directory, spec, denoiser, trainer, objective, held_out):
                for log in logs:
                    log.write(said)
                yield said


def _answered(
    event: Event,
    directory: RunDirectory,
    spec: Spec,
    denoiser: NetworkDenoiser,
    trainer: Trainer[Batch],
    objective: Regression,
    held_out: Batch | None,
) -> Iterator[Event]:
    """The event itself, after publishing what was saved; a preview is followed by its measure."""
    if isinstance(event, Saved):
        model.publish(directory, trainer.ema.tensors(), event.step)
        card.write(directory, spec, event.step)
    yield event
    if isinstance(event, PreviewDue):
        with trainer.ema.swapped():
            preview.write(directory, spec, denoiser, event.step)
            if held_out is not None:
                yield _held_out_loss(denoiser, objective, held_out, event.step)


@torch.no_grad()
def _held_out_loss(
    denoiser: NetworkDenoiser, objective: Regression, batch: Batch, step: int
) -> Metric:
    denoiser.eval()
    device = next(denoiser.parameters()).device
    x0, noise = batch.x0.to(device), batch.noise.to(device)
    cond = {name: value.to(device) for name, value in batch.cond.items()}
    value = objective(denoiser, x0, batch.t, noise, **cond).mean().item()
    return Metric(step=step, name="held-out loss", value=value)
