"""Sfumato as its users run it: the recipe for pictures, for some minutes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plan import Place, Plan

from sfumato.engine.events import Done, Progress, Saved
from sfumato.media.registry import AnyRecipe
from sfumato.model.options import TrainOptions
from sfumato.run import Run
from sfumato.runs.directory import RunDirectory
from sfumato.training.train import planned_for, train

Kept = list[dict[str, float]]


def recipe_of(source: str, name: str, plan: Plan) -> AnyRecipe:
    """The recipe as it is, but for what is held out, the threads, and how often it saves."""
    minutes = plan.minutes_of(name)
    changes = [
        f"data.held_out={plan.held_out}",
        f"engine.threads={plan.threads}",
        # What is published at a save is what is sampled on the way; saving counts as training.
        f"engine.save_minutes={minutes / 10}",
        *(["data.labels=false"] if name == "ours-unlabelled" else []),
    ]
    return planned_for(source, TrainOptions(minutes=minutes, settings=changes))


def trained(place: Place, plan: Plan) -> Kept:
    """Train; keeps the published weights of each mark and says when they were had."""
    marks = list(plan.marks(place.name))
    recipe = recipe_of(place.source, place.name, plan)
    found: Kept = []
    directory: RunDirectory | None = None
    last: Progress | None = None
    for event in train(place.source, recipe, "run", place.root):
        if isinstance(event, RunDirectory):
            directory = event
        elif isinstance(event, Progress):
            last = event
        if directory is None or last is None or not isinstance(event, Saved | Done):
            continue
        # The last one is the end itself: what is saved before it has not cooled down.
        reached = [mark for mark in marks[:-1] if mark <= last.elapsed / 60]
        for mark in marks if isinstance(event, Done) else reached:
            _keep(directory, place.weights(mark))
            found.append(
                {"mark": mark, "minutes": last.elapsed / 60, "steps": last.step,
                 "samples": last.samples}
            )  # fmt: skip
        marks = [mark for mark in marks if mark not in {facts["mark"] for facts in found}]
    return found


def _keep(directory: RunDirectory, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in (directory.spec, directory.model):
        shutil.copy(file, folder / file.name)


Draw = Callable[[int, int], NDArray[np.uint8]]


def drawing(place: Place, mark: float, batch: int) -> Draw:
    """Makes samples as `sfumato sample` does when nothing else is asked for."""
    run = Run.open(place.weights(mark))

    def draw(first: int, count: int) -> NDArray[np.uint8]:
        made = run.sample(count, first=first, batch=batch)
        if not isinstance(made.items, np.ndarray):
            raise TypeError("a run on images samples images")
        return made.items

    return draw
