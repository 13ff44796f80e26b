"""The commands that measure runs. Heavy modules are imported inside them, as in ``main``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from sfumato.cli.options import Json, RunName, Snapshot

Extractors = Annotated[
    list[str] | None,
    Parameter(
        help="Pictures, sounds: also measure by the features of this ONNX file; repeatable. "
        "Pictures also: efficientnet-lite0, or a .pth of Inception."
    ),
]


def evaluate(
    run: RunName,
    *,
    n: Annotated[
        int | None,
        Parameter(name=["-n", "--number"], help="Samples: 1,000 pictures, 200 sounds or 64 texts."),
    ] = None,
    data: Annotated[
        str | None,
        Parameter(help="Compare with these real items, not with those held out of the run's data."),
    ] = None,
    extractor: Extractors = None,
    snapshot: Snapshot = "latest",
    rows: Annotated[
        int | None, Parameter(help="Items whose likelihood is measured: 256, or 512 rows of text.")
    ] = None,
    draws: Annotated[
        int | None, Parameter(help="Times and noises for each of them: 16, or 8 for text.")
    ] = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same report.")] = 0,
    steps: Annotated[int | None, Parameter(help="Network evaluations per sample.")] = None,
    sampler: Annotated[str | None, Parameter(help="See: sfumato samplers")] = None,
    label: Annotated[str | None, Parameter(help="Pictures, sounds: class of all samples.")] = None,
    scale: Annotated[float | None, Parameter(help="Pictures, sounds: guidance, 1 = off.")] = None,
    speech: Annotated[
        bool,
        Parameter(help="Sounds: classes are words; tell how many a recogniser hears."),
    ] = False,
    temperature: Annotated[float | None, Parameter(help="Text: below 1 = safer, 1 = off.")] = None,
    top_p: Annotated[float | None, Parameter(help="Text: share of likely tokens, 1 = off.")] = None,
    molecules: Annotated[bool, Parameter(help="Text: they are SMILES strings.")] = False,
    out: Annotated[
        Path | None, Parameter(help="Folder for the report; else the run's folder evaluation.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure a run: samples beside real items, how varied and how new they are, and how sure."""
    from sfumato.cli import show_evaluation
    from sfumato.engine.signals import until_stopped
    from sfumato.evaluation.files import evaluate_run
    from sfumato.model.options import EvaluateOptions

    options = EvaluateOptions(
        n, seed=seed, steps=steps, sampler=sampler, data=data, extractors=tuple(extractor or ()),
        rows=rows, draws=draws, label=label, scale=scale, speech=speech, temperature=temperature,
        top_p=top_p, molecules=molecules,
    )  # fmt: skip
    show_evaluation.evaluation(until_stopped(evaluate_run(run, options, out, snapshot)), json)


def compare(
    first: RunName,
    second: RunName,
    *,
    n: Annotated[
        int | None, Parameter(name=["-n", "--number"], help="Samples of each, as for evaluate.")
    ] = None,
    at: Annotated[
        list[int] | None,
        Parameter(
            name="--at",
            help="Also measure quality at so many evaluations; repeat it: 5 8 12 20 35 50.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        Parameter(help="Compare with these real items, not with those held out of the runs' data."),
    ] = None,
    extractor: Extractors = None,
    snapshot: Snapshot = "latest",
    seed: Annotated[int, Parameter(help="The same seed gives the same comparison.")] = 0,
    steps: Annotated[int | None, Parameter(help="Network evaluations per sample.")] = None,
    sampler: Annotated[str | None, Parameter(help="See: sfumato samplers")] = None,
    scale: Annotated[float | None, Parameter(help="Pictures, sounds: guidance, 1 = off.")] = None,
    out: Annotated[
        Path | None, Parameter(help="Folder; else the first run's folder evaluation.")
    ] = None,
    json: Json = False,
) -> None:
    """Hold two runs on the same data against each other, and quality against sampling steps."""
    from sfumato.cli import show_evaluation
    from sfumato.engine.signals import until_stopped
    from sfumato.evaluation.files import compare_runs
    from sfumato.model.options import CompareOptions

    options = CompareOptions(
        n, at=CompareOptions.at if at is None else at, data=data,
        extractors=tuple(extractor or ()), seed=seed, steps=steps, sampler=sampler, scale=scale,
    )  # fmt: skip
    events = compare_runs(first, second, options, out, snapshot)
    show_evaluation.comparison(until_stopped(events), json)


def score(
    run: RunName,
    *files: Annotated[Path, Parameter(help="Files, or folders of them, of the run's medium.")],
    method: Annotated[
        Literal["bound", "ode"],
        Parameter(help="The variational bound, or the density along the probability-flow ODE."),
    ] = "bound",
    draws: Annotated[
        int | None, Parameter(help="Estimates of each item: 8 of the bound, 4 of the ODE.")
    ] = None,
    seed: Annotated[int, Parameter(help="Of the noise, which is the same for all items.")] = 0,
    label: Annotated[str | None, Parameter(help="Class that the model is told of all.")] = None,
    snapshot: Snapshot = "latest",
    steps: Annotated[
        int | None, Parameter(help="Network evaluations of an estimate: 16, or 64 of the ODE.")
    ] = None,
    probes: Annotated[
        int | None, Parameter(help="ODE: random probes of the divergence in an estimate.")
    ] = None,
    held_out: Annotated[
        int, Parameter(help="Held-out items of the run's data to compare with; 0 for none.")
    ] = 64,
    json: Json = False,
) -> None:
    """Tell how likely a run finds files, the least likely first: its outliers."""
    from sfumato.cli import show_scores
    from sfumato.engine.signals import until_stopped
    from sfumato.evaluation.files import score_files
    from sfumato.model.options import ScoreOptions

    options = ScoreOptions(
        method=method, draws=draws, seed=seed, label=label, steps=steps, probes=probes,
        held_out=held_out,
    )  # fmt: skip
    show_scores.scores(until_stopped(score_files(run, files, options, snapshot)), json)


def tune(
    run: RunName,
    *,
    steps: Annotated[int, Parameter(help="Network evaluations to fit a sampler for.")] = 8,
    scale: Annotated[
        float | None, Parameter(help="Pictures, sounds: guidance it is fitted for.")
    ] = None,
    examples: Annotated[
        int | None, Parameter(help="Samples to fit to: 48, or 32 rows of text; others decide.")
    ] = None,
    rounds: Annotated[int, Parameter(help="Rounds of the fit, at most.")] = 4,
    seed: Annotated[int, Parameter(help="Of the noise it is fitted on.")] = 0,
    snapshot: Snapshot = "latest",
    json: Json = False,
) -> None:
    """Fit a sampler to a run for few evaluations; kept, and then the default, if it is better."""
    from sfumato.cli import show_evaluation
    from sfumato.engine.signals import until_stopped
    from sfumato.verbs.tune import tune as tuning

    events = tuning(
        run, steps, scale=scale, examples=examples, rounds=rounds, seed=seed, snapshot=snapshot
    )
    show_evaluation.tuning(until_stopped(events), json)
