"""The commands that train and use a run. Heavy modules are imported inside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

from cyclopts import Parameter

from sfumato.cli import show, show_results
from sfumato.cli.flags import Json, RunName, Snapshot, number_in
from sfumato.cli.output import ERR
from sfumato.engine.terminal import display
from sfumato.errors import SettingError, suggest

if TYPE_CHECKING:
    from sfumato.model.options import (
        CompareOptions,
        EditOptions,
        EvaluateOptions,
        FillOptions,
        ResumeOptions,
        SampleOptions,
        ScoreOptions,
        TrainOptions,
        TuneOptions,
    )

Quiet = Annotated[bool, Parameter(help="Print only errors and, at the end, the path of the run.")]
Source = Annotated[
    str,
    Parameter(help="A folder of images, audio files or texts, a text file, or a catalogue name."),
]


def demo(
    what: Annotated[
        str, Parameter(help="What to make: image, audio, text, or words for images from words.")
    ] = "image",
    *,
    minutes: Annotated[
        float, Parameter(help="Length of the training in minutes.", converter=number_in)
    ] = 6.0,
    name: Annotated[str | None, Parameter(help="Name of the run.")] = None,
) -> None:
    """Train a small model in a few minutes and show its samples: images, audio clips or texts."""
    from sfumato.verbs import demo as demonstration

    if what == "images":
        ERR.print("note: images is now image.", markup=False)
        what = "image"
    for known in get_args(demonstration.DemoName):
        if what == known:
            show.demo(demonstration.run(known, minutes, name))
            return
    hint = suggest(what, get_args(demonstration.DemoName))
    raise SettingError(f"There is no demo of '{what}'.", hint=hint)


def train(source: Source, *, options: TrainOptions, quiet: Quiet = False) -> None:
    """Train a model on a folder of images, audio or text. Ctrl-C saves everything and stops."""
    from sfumato.verbs.train import train

    console = display("stdout", quiet=quiet, highlight=False, soft_wrap=True)
    show.trained(train(source, options, console=console), quiet)


def resume(run: RunName, *, options: ResumeOptions, quiet: Quiet = False) -> None:
    """Continue the training of a run where it stopped, or make the run longer."""
    from sfumato.runs.directory import locate
    from sfumato.verbs.train import resume

    console = display("stdout", quiet=quiet, highlight=False, soft_wrap=True)
    show.trained(resume(locate(run), options, console), quiet)


def sample(
    run: Annotated[str | None, Parameter(help="Name of a run under runs/, or its path.")] = None,
    *,
    options: SampleOptions,
    out: Annotated[
        Path | None, Parameter(help="Folder for the files. The default is a new one in the run.")
    ] = None,
    format: Annotated[
        str | None, Parameter(help="Audio: kind of the files, wav (default) or flac.")
    ] = None,
    trajectory: Annotated[
        bool, Parameter(help="Also write how each sample emerges from noise.")
    ] = False,
    like: Annotated[
        Path | None,
        Parameter(help="Make this sample again: a PNG, WAV or FLAC file, or samples.jsonl:LINE."),
    ] = None,
    snapshot: Snapshot = "latest",
    json: Json = False,
) -> None:
    """Make new images, audio clips or texts with a trained run, or variations of a file."""
    from sfumato.verbs.sample import sample_files, until_interrupted

    events = sample_files(
        run,
        options,
        out=out,
        trajectory=trajectory,
        like=like,
        format=format,
        snapshot=snapshot,
    )
    show.sampled(until_interrupted(events), json)


def edit(
    run: RunName,
    *files: Annotated[
        str, Parameter(help="Files to edit: images or audio files; or one text with gaps.")
    ],
    options: EditOptions,
    out: Annotated[
        Path | None, Parameter(help="Folder for the files. The default is a new one in the run.")
    ] = None,
    format: Annotated[
        str | None, Parameter(help="Audio: kind of the files, wav (default) or flac.")
    ] = None,
    trajectory: Annotated[
        bool, Parameter(help="Also write how each result emerges from noise.")
    ] = False,
    snapshot: Snapshot = "latest",
    json: Json = False,
) -> None:
    """Edit or restore files: inpaint, extend, enlarge, deblur, denoise, fill gaps of any medium."""
    from sfumato.verbs.edit import edit_files
    from sfumato.verbs.sample import until_interrupted

    events = edit_files(
        run,
        files,
        options,
        out=out,
        trajectory=trajectory,
        format=format,
        snapshot=snapshot,
    )
    show.edited(until_interrupted(events), json)


def fill(
    run: RunName,
    text: Annotated[str | None, Parameter(help='A text with gaps: "to be ____ not to be".')] = None,
    *,
    file: Annotated[Path | None, Parameter(help="Read the text from this file instead.")] = None,
    options: FillOptions,
    snapshot: Snapshot = "latest",
    json: Json = False,
) -> None:
    """Fill the gaps of a text. The rest of the text stays as it is."""
    from sfumato.verbs.fill import fill_text

    show.filled(fill_text(run, text, file, options, snapshot), json)


def evaluate(
    run: RunName,
    *,
    options: EvaluateOptions,
    snapshot: Snapshot = "latest",
    out: Annotated[
        Path | None,
        Parameter(help="Folder for the report; by default evaluation (/restore) of the run."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure the quality, the variety and the novelty of a run's samples, and its likelihood."""
    from sfumato.engine.signals import until_stopped
    from sfumato.evaluation.files import evaluate_run

    events = evaluate_run(run, options, out, snapshot)
    show_results.evaluation(until_stopped(events), json)


def compare(
    first: RunName,
    second: RunName,
    *,
    options: CompareOptions,
    snapshot: Snapshot = "latest",
    out: Annotated[
        Path | None,
        Parameter(help="Folder for the result. The default is evaluation of the first run."),
    ] = None,
    json: Json = False,
) -> None:
    """Compare two runs on the same data, and their quality at several numbers of steps."""
    from sfumato.engine.signals import until_stopped
    from sfumato.evaluation.files import compare_runs

    events = compare_runs(first, second, options, out, snapshot)
    show_results.comparison(until_stopped(events), json)


def score(
    run: RunName,
    *files: Annotated[Path, Parameter(help="Files, or folders of them, of the run's medium.")],
    options: ScoreOptions,
    snapshot: Snapshot = "latest",
    json: Json = False,
) -> None:
    """Score files by their likelihood under a run, the least likely (its outliers) first."""
    from sfumato.engine.signals import until_stopped
    from sfumato.evaluation.files import score_files

    show_results.scores(until_stopped(score_files(run, files, options, snapshot)), json)


def tune(
    run: RunName, *, options: TuneOptions, snapshot: Snapshot = "latest", json: Json = False
) -> None:
    """Fit a sampler to a run for few evaluations. It becomes the default if it is better."""
    from sfumato.engine.signals import until_stopped
    from sfumato.verbs.tune import tune

    show_results.tuning(until_stopped(tune(run, options, snapshot)), json)
