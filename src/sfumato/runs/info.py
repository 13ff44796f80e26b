"""A summary of a run: its settings, its progress, and its latest measurements."""

from __future__ import annotations

from typing import Any

from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.log import read_log
from sfumato.runs.directory import RunDirectory
from sfumato.runs.snapshots import best_of
from sfumato.runs.spec import Spec


def info(directory: RunDirectory, spec: Spec) -> dict[str, Any]:
    """The summary of a run as plain data, for ``sfumato info``."""
    recipe, data = spec.recipe, spec.data
    best = best_of(directory)
    store = CheckpointStore(directory.checkpoints)
    last: dict[str, Any] = {}
    if directory.log.is_file():
        for line in read_log(directory.log):
            if line.get("event") == "started":
                last.pop("done", None)  # The run was finished, and then made longer.
            if line.get("event") in ("progress", "metric", "done"):
                last[str(line.get("name") or line["event"])] = line
    progress = last.get("progress", {})
    return {
        "name": directory.name,
        "path": str(directory.root),
        "recipe": recipe.name,
        "data": data.source,
        **spec.medium.describe(recipe, data).facts,
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
