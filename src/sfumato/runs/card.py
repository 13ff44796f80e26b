"""The model card: what the model is, what it learnt from, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass

from sfumato import storage
from sfumato.media.registry import AnyRecipe
from sfumato.media.audio.recipe import AudioRecipe
from sfumato.media.text.recipe import TextRecipe
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import DataFacts, Spec


def write(directory: RunDirectory, spec: Spec, step: int) -> None:
    """Write ``README.md`` of a run."""
    storage.write_text(directory.card, text(directory, spec, step))


def text(directory: RunDirectory, spec: Spec, step: int) -> str:
    """The card as Markdown."""
    recipe, data = spec.recipe, spec.data
    about = _about(recipe, data)
    classes = f", {len(data.classes)} classes" if data.classes else ""
    unstated = f"not stated; it is that of your {about.noun}"
    lines = [
        f"# {directory.name}",
        "",
        f"A diffusion model of {about.subject}, trained "
        f"with Sfumato {spec.version} by the recipe `{recipe.name}`.",
        "",
        "| | |",
        "|---|---|",
        f"| data | {data.source}: {data.count:,} {about.noun}{classes} |",
        f"| licence of the data | {data.licence or unstated} |",
        f"| steps, batch | {step:,} of {recipe.engine.batch} samples |",
        f"| backbone | {recipe.backbone.kind} |",
        *about.rows,
        f"| seed | {recipe.seed} |",
        "",
        "## Use",
        "",
        "```",
        f"sfumato sample {directory.name} -n {about.number}",
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


@dataclass(frozen=True)
class _About:
    """What a card says of a medium."""

    subject: str
    noun: str
    rows: tuple[str, ...]
    number: int


def _about(recipe: AnyRecipe, data: DataFacts) -> _About:
    if isinstance(recipe, TextRecipe):
        return _of_text(recipe, data)
    if isinstance(recipe, AudioRecipe):
        return _of_sounds(recipe)
    medium = recipe.medium
    return _About(
        subject=f"{medium.size} x {medium.size} {medium.channels} pictures",
        noun="pictures",
        rows=(f"| prediction, schedule | {recipe.prediction.kind}, {recipe.schedule.kind} |",),
        number=16,
    )


def _of_sounds(recipe: AudioRecipe) -> _About:
    medium = recipe.medium
    return _About(
        subject=f"{medium.channels} sounds of up to {medium.seconds:g} s at {medium.rate:,} Hz",
        noun="sounds",
        rows=(
            f"| prediction, schedule | {recipe.prediction.kind}, {recipe.schedule.kind} |",
            f"| representation | {medium.representation.kind} |",
        ),
        number=16,
    )


def _of_text(recipe: TextRecipe, data: DataFacts) -> _About:
    medium, process = recipe.medium, recipe.process
    return _About(
        subject=f"text of up to {medium.context} {medium.tokens}",
        noun="texts",
        rows=(
            f"| process, keep schedule | {process.kind}, {process.keep.kind} |",
            f"| tokens | {data.vocabulary:,} {medium.tokens} |",
        ),
        number=4,
    )
