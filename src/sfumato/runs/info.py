"""A run for a reader: its summary, its model card, and its measurements as curves."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sfumato import storage
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.log import read_log
from sfumato.escaping import escape_markdown, escape_text, markdown_code
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Initial, Spec
from sfumato.runs.weights import best_of

# No number of a log is larger; larger whole numbers cannot be converted to floats.
_LARGEST = 1e300


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
        "began_with": None if spec.initial is None else _initial(spec.initial),
        **spec.medium.describe(recipe, data).facts,
        "classes": list(data.classes),
        "conditions": {name: each.about for name, each in spec.conditions.items()},
        "backbone": recipe.backbone.kind,
        "sampler": recipe.sampling.sampler.kind,
        "budget": recipe.budget.model_dump(exclude_none=True),
        "finished": "done" in last,
        "step": _number(progress, "step") or 0,
        "samples": _number(progress, "samples") or 0,
        "loss": _number(progress, "loss"),
        "held_out_loss": _number(last.get("held-out loss", {}), "value"),
        "held_out_bits_per_character": _number(
            last.get("held-out bits per character", {}), "value"
        ),
        "best_step": None if best is None else best.step,
        "best_value": None if best is None else best.value,
        "samples_per_second": _number(progress, "samples_per_second"),
        "minutes": round((_number(progress, "elapsed") or 0) / 60, 2),
        "checkpoints": [step for step, _ in store.steps()],
        "ready": directory.model.is_file() or bool(store.steps()),
    }


def _number(line: Mapping[str, Any], key: str) -> int | float | None:
    """A number of a line of the log; None if it is missing, or is none that was ever written."""
    value = line.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGEST and math.isfinite(value) else None


def _initial(initial: Initial) -> str:
    step = "" if initial.step is None else f" at step {initial.step:,}"
    return f"the weights of the run {initial.run}{step} ({initial.model})"


def write_card(directory: RunDirectory, spec: Spec, step: int) -> None:
    """Write ``README.md`` of a run."""
    storage.write_text(directory.card, card(directory, spec, step))


def card(directory: RunDirectory, spec: Spec, step: int) -> str:
    """The card as Markdown; no name in it is taken for Markdown or HTML.

    The card may be published, so the data are named by their last part only.
    """
    recipe, data, medium = spec.recipe, spec.data, spec.medium
    about = medium.describe(recipe, data)
    classes = f", {len(data.classes)} classes" if data.classes else ""
    is_safe = re.fullmatch(r"[A-Za-z0-9._-]+", directory.name)
    licence = data.licence or f"not stated; it is that of your {medium.plural}"
    rows = {
        "data": f"{data.name}: {data.count:,} {medium.plural}{classes}",
        "licence of the data": licence,
        "steps, batch": f"{step:,} of {recipe.engine.batch} samples",
        "backbone": recipe.backbone.kind,
        **about.rows,
        **{f"condition {name}": each.about for name, each in spec.conditions.items()},
        "seed": str(recipe.seed),
    }
    if spec.initial is not None:
        rows["began with"] = _initial(spec.initial)
    lines = [
        f"# {escape_markdown(directory.name)}",
        "",
        f"A diffusion model of {escape_markdown(about.subject)}, trained "
        f"with Sfumato {escape_markdown(spec.version)} by the recipe {markdown_code(recipe.name)}.",
        "",
        "| | |",
        "|---|---|",
        *(
            f"| {escape_markdown(name)} | {escape_markdown(value)} |"
            for name, value in rows.items()
        ),
        "",
        "## Use",
        "",
        "```",
        f"sfumato sample {directory.name if is_safe else '.'} -n {medium.n}",
        "```",
        "",
        "The whole plan of the run is in `spec.json`; what happened is in `log.jsonl`.",
    ]
    if data.attribution:
        attribution = escape_text(data.attribution.strip()).split("\n")
        lines += ["", "## Attribution of the data", "", *map(escape_markdown, attribution)]
    if data.licence.startswith("CC-BY-SA"):
        lines += [
            "",
            "The licence asks that works based on the data name its authors and are shared alike.",
        ]
    return "\n".join(lines) + "\n"


Curve = tuple[tuple[int, float], ...]

LOSS = "training loss as it goes"
"""The smoothed loss of the training batches; all other curves are of evaluations."""


def curves(directory: RunDirectory) -> dict[str, Curve]:
    """All measures by their names, and :data:`LOSS`.

    Steps that were lost in a crash are left out: they lie after the step from which the next
    session resumed.

    Returns:
        Points ``(step, value)`` in order; empty without a log.
    """
    found: dict[str, dict[int, float]] = {}
    if directory.log.is_file():
        for line in read_log(directory.log):
            step = line.get("step")
            if not isinstance(step, int):
                continue  # Not of ours.
            if line.get("event") == "started":
                _forget(found, step)
            else:
                _note(found, step, line)
    return {name: tuple(sorted(points.items())) for name, points in found.items()}


def _note(found: dict[str, dict[int, float]], step: int, line: Mapping[str, Any]) -> None:
    name, key = {"metric": (line.get("name"), "value"), "progress": (LOSS, "loss")}.get(
        str(line.get("event")), (None, "")
    )
    value = _number(line, key)
    if isinstance(name, str) and value is not None:
        found.setdefault(name, {})[step] = float(value)


def _forget(found: Mapping[str, dict[int, float]], after: int) -> None:
    for points in found.values():
        for step in [step for step in points if step > after]:
            del points[step]
