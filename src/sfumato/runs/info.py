"""What is known about a run: its spec, how far it is, and what it measured."""

from __future__ import annotations

from typing import Any

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.log import read_log
from sfumato.media.registry import AnyRecipe
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.text.recipe import TextRecipe
from sfumato.runs.best import best_of
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import DataFacts, Spec


def facts_of(directory: RunDirectory, spec: Spec) -> dict[str, Any]:
    """What is known about a run, as plain data."""
    recipe, data = spec.recipe, spec.data
    best = best_of(directory)
    store = CheckpointStore(directory.checkpoints)
    last: dict[str, Any] = {}
    if directory.log.is_file():
        for line in read_log(directory.log):
            if line.get("event") == "started":
                last.pop("done", None)  # It was finished, and then made longer.
            if line.get("event") in ("progress", "metric", "done"):
                last[str(line.get("name") or line["event"])] = line
    progress = last.get("progress", {})
    return {
        "name": directory.name,
        "path": str(directory.root),
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
        "best_step": None if best is None else best.step,
        "best_value": None if best is None else best.value,
        "samples_per_second": progress.get("samples_per_second"),
        "minutes": round((progress.get("elapsed") or 0) / 60, 2),
        "checkpoints": [step for step, _ in store.steps()],
        "ready": directory.model.is_file() or bool(store.steps()),
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
