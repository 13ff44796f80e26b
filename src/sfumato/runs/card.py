"""The model card: what the model is, what it learnt from, and under which licence."""

from __future__ import annotations

from sfumato import storage
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec


def write(directory: RunDirectory, spec: Spec, step: int) -> None:
    """Write ``README.md`` of a run."""
    storage.write_text(directory.card, text(directory, spec, step))


def text(directory: RunDirectory, spec: Spec, step: int) -> str:
    """The card as Markdown."""
    recipe, data, medium = spec.recipe, spec.data, spec.medium
    about = medium.describe(recipe, data)
    classes = f", {len(data.classes)} classes" if data.classes else ""
    licence = data.licence or f"not stated; it is that of your {medium.plural}"
    rows = {
        "data": f"{data.source}: {data.count:,} {medium.plural}{classes}",
        "licence of the data": licence,
        "steps, batch": f"{step:,} of {recipe.engine.batch} samples",
        "backbone": recipe.backbone.kind,
        **about.rows,
        "seed": str(recipe.seed),
    }
    lines = [
        f"# {directory.name}",
        "",
        f"A diffusion model of {about.subject}, trained "
        f"with Sfumato {spec.version} by the recipe `{recipe.name}`.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        "## Use",
        "",
        "```",
        f"sfumato sample {directory.name} -n {medium.n}",
        "```",
        "",
        "The whole plan of the run is in `spec.json`; what happened is in `log.jsonl`.",
    ]
    if data.attribution:
        lines += ["", "## Attribution of the data", "", data.attribution.strip()]
    if data.licence.startswith("CC-BY-SA"):
        lines += [
            "",
            "The licence asks that works based on the data name its authors and are shared alike.",
        ]
    return "\n".join(lines) + "\n"
