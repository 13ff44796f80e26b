"""The model card: what the model is, what it learnt from, and under which licence."""

from __future__ import annotations

from sfumato import storage
from sfumato.run.directory import RunDirectory
from sfumato.run.spec import Spec


def write(directory: RunDirectory, spec: Spec, step: int) -> None:
    """Write ``README.md`` of a run."""
    storage.write_text(directory.card, text(directory, spec, step))


def text(directory: RunDirectory, spec: Spec, step: int) -> str:
    """The card as Markdown."""
    recipe, data = spec.recipe, spec.data
    medium = recipe.medium
    classes = f", {len(data.classes)} classes" if data.classes else ""
    lines = [
        f"# {directory.name}",
        "",
        f"A diffusion model of {medium.size} x {medium.size} {medium.channels} pictures, trained "
        f"with Sfumato {spec.version} by the recipe `{recipe.name}`.",
        "",
        "| | |",
        "|---|---|",
        f"| data | {data.source}: {data.count:,} pictures{classes} |",
        f"| licence of the data | {data.licence or 'not stated; it is that of your pictures'} |",
        f"| steps, batch | {step:,} of {recipe.engine.batch} samples |",
        f"| backbone | {recipe.backbone.kind} |",
        f"| prediction, schedule | {recipe.prediction.kind}, {recipe.schedule.kind} |",
        f"| seed | {recipe.seed} |",
        "",
        "## Use",
        "",
        "```",
        f"sfumato sample {directory.name} -n 16",
        "```",
        "",
        "Everything that was asked is in `spec.json`; what happened is in `log.jsonl`.",
    ]
    if data.attribution:
        lines += ["", "## Attribution of the data", "", data.attribution.strip()]
    if data.licence.startswith("CC-BY-SA"):
        lines += [
            "",
            "The licence asks that works based on the data name its authors and are shared alike.",
        ]
    return "\n".join(lines) + "\n"
