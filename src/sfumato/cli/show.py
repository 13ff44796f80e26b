"""Rendering: what the commands print. On a terminal with colour, elsewhere as plain lines."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sfumato.cli import show_audio, show_text

if TYPE_CHECKING:
    from cyclopts import CycloptsError

    from sfumato.catalogue import Entry, FetchedSet
    from sfumato.errors import SfumatoError
    from sfumato.media.audio.check import AudioReport
    from sfumato.media.image.check import DataReport
    from sfumato.media.text.check import TextReport
    from sfumato.runs.verify import Verified
    from sfumato.verbs.filling import Filled

Report = Callable[[int, int, str], None]

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One plain line on standard output."""
    _out.print(text, markup=False)


def dump(value: object) -> None:
    """JSON on standard output."""
    print(jsonlib.dumps(value, indent=1, ensure_ascii=False))


def error(problem: SfumatoError) -> None:
    """An error of ours: what, why, hint."""
    _err.print(Text.assemble(("error: ", "bold red"), problem.what))
    for name in ("why", "hint"):
        if text := getattr(problem, name):
            _err.print(Text.assemble((f"  {name}: ", "bold"), text))


def plain_error(text: str) -> None:
    """An error without parts."""
    _err.print(Text.assemble(("error: ", "bold red"), text))


def usage_error(problem: CycloptsError) -> None:
    """A command line that could not be read."""
    plain_error(" ".join(str(problem).split()))
    _err.print(Text.assemble(("  hint: ", "bold"), "add --help to see what a command takes"))


@contextmanager
def progress(quiet: bool) -> Iterator[Report]:
    """A place to report progress of reading or fetching: a status line on a terminal."""
    if quiet or not _err.is_terminal:
        yield lambda done, total, what: None
        return
    with _err.status("starting") as status:
        yield lambda done, total, what: status.update(f"{what} {done:,}/{total:,}")


def names(lines: Mapping[str, str], default: str, as_json: bool) -> None:
    """Names, each with a line about it."""
    if as_json:
        dump({"default": default, "names": dict(lines)})
        return
    table = Table.grid(padding=(0, 2))
    for name, line in lines.items():
        table.add_row(Text(name, style="bold"), line + ("  (default)" if name == default else ""))
    _out.print(table)


def catalogue(entries: Sequence[Entry], defaults: Collection[str], as_json: bool) -> None:
    """The catalogue's data sets."""
    if as_json:
        fields = ("name", "title", "medium", "count", "licence", "megabytes", "package", "version")
        dump([{field: getattr(entry, field) for field in fields} for entry in entries])
        return
    for entry in entries:
        mark = f"  (default for {entry.medium})" if entry.name in defaults else ""
        _out.print(Text.assemble((entry.name, "bold"), f"{mark}\n  {entry.title}"))
        say(f"  {entry.megabytes} MB download, licence {entry.licence}")


def fetched(found: FetchedSet, as_json: bool) -> None:
    """A fetched data set: where it is, and its licence."""
    entry = found.entry
    if as_json:
        dump({"name": entry.name, "path": str(found.path), "licence": entry.licence,
              "attribution": entry.attribution, "count": entry.count})  # fmt: skip
        return
    say(f"{entry.count:,} {entry.noun} in {found.path}")
    say(f"licence: {entry.licence}")
    say(entry.attribution.strip())


def data_report(report: DataReport | AudioReport, sheet: Path, as_json: bool) -> None:
    """What a run would see or hear in a folder, and where the contact sheet is."""
    from sfumato.media.image.check import DataReport

    if as_json:
        dump({**report.to_json(), "contact_sheet": str(sheet)})
        return
    table = Table.grid(padding=(0, 2))
    rows = _rows(report) if isinstance(report, DataReport) else show_audio.report_rows(report)
    for name, text in chain(rows, described(report)):
        table.add_row(Text(name, style="bold"), Text(text))
    table.add_row(Text("contact sheet", style="bold"), Text(str(sheet)))
    _out.print(table)


def _rows(report: DataReport) -> Iterator[tuple[str, str]]:
    settings = report.settings
    yield "folder", str(report.root)
    yield "pictures", f"{report.count:,} ({report.groups:,} independent)"
    yield "seen as", f"{settings.size} x {settings.size} {settings.channels}, fit by {settings.fit}"
    for name, spread in (("widths", report.widths), ("heights", report.heights)):
        if spread is not None:
            yield name, f"{spread.least} to {spread.most}, median {spread.median}"
    yield "stored as", ", ".join(f"{mode} {count:,}" for mode, count in report.modes.items())


def described(report: DataReport | AudioReport) -> Iterator[tuple[str, str]]:
    """What is known of pictures and of sounds alike: name and text of each row."""
    if report.labels:
        shown = list(report.labels.items())[:20]
        more = f", and {len(report.labels) - 20} more" if len(report.labels) > 20 else ""
        yield "classes", ", ".join(f"{name} {count:,}" for name, count in shown) + more
    else:
        yield "classes", "none"
    yield "captions", f"{report.captions:,}"
    yield (
        "duplicates",
        f"{len(report.duplicates):,}"
        + _some([f"{later} = {first}" for later, first in report.duplicates]),
    )
    yield (
        "set aside",
        f"{len(report.rejected):,}"
        + _some([f"{rejected.path}: {rejected.reason}" for rejected in report.rejected]),
    )
    if report.changes:
        yield "since last read", str(report.changes)


def text_report(report: TextReport, as_json: bool) -> None:
    """What a run would see in some texts."""
    if as_json:
        dump(report.to_json())
        return
    table = Table.grid(padding=(0, 2))
    for name, text in show_text.report_rows(report):
        table.add_row(Text(name, style="bold"), Text(text))
    _out.print(table)


def _some(lines: Sequence[str], most: int = 10) -> str:
    shown = [f"\n{line}" for line in lines[:most]]
    return "".join(shown) + (f"\n... and {len(lines) - most} more" if len(lines) > most else "")


def training(events: Iterator[Any], quiet: bool) -> None:
    """A training run as it goes, and what can be done next."""
    from sfumato.run import watch

    directory = watch(events, Console(quiet=quiet, highlight=False))
    if quiet:
        print(directory.root)
    else:
        for preview in sorted(directory.previews.glob("latest.*")):
            say(f"previews: {preview}")
        say(f"next: sfumato sample {directory.root}")


def sampling(events: Iterator[Any], as_json: bool) -> None:
    """Samples on their way, and where they went."""
    from sfumato.model.text_writing import TextState

    first = next(events)
    events = chain([first], events)
    if isinstance(first, TextState):
        written = show_text.watched(events, quiet=as_json)
        if as_json:
            dump(written.to_json())
        for line in () if as_json else show_text.texts(written):
            say(line)
    else:
        _signals(events, as_json)


def _signals(events: Iterator[Any], as_json: bool) -> None:
    from sfumato.model.model import Making
    from sfumato.model.writing import Written

    written: Written | None = None
    with progress(as_json) as report:
        for event in events:
            if isinstance(event, Making):
                report(event.state.step, event.state.steps, f"sample {event.done + 1:,}: step")
            if isinstance(event, Written):
                written = event
    if written is None:
        raise RuntimeError("sampling ended without files")
    if as_json:
        dump(written.to_json())
        return
    noun = "picture" if written.files[0].suffix == ".png" else "sound"
    many = "" if len(written.files) == 1 else "s"
    say(f"{len(written.files)} {noun}{many} in {written.folder}, {written.seconds:.1f} s")
    say(f"sheet: {written.sheet}")
    for path in written.strips[:1]:
        say(f"from noise: {path}")


def filled(results: Sequence[Filled], as_json: bool) -> None:
    """Filled texts, the likeliest first."""
    if as_json:
        from sfumato.verbs.filling import as_json as plain

        dump(plain(results))
    else:
        show_text.filled(results, _out)


def samplers(groups: Mapping[str, tuple[Mapping[str, str], str]], as_json: bool) -> None:
    """Samplers by what they sample, each with a line about it."""
    if as_json:
        dump({noun: {"default": default, "names": dict(lines)}
              for noun, (lines, default) in groups.items()})  # fmt: skip
        return
    for noun, (lines, default) in groups.items():
        say(f"{noun}:")
        names(lines, default, as_json=False)


def demo(events: Iterator[Any]) -> None:
    """The demonstration as it goes."""
    from sfumato.run import watch
    from sfumato.verbs.demo import Finished, Note

    finished: list[Finished] = []

    def others() -> Iterator[Any]:
        for event in events:
            if isinstance(event, Note):
                say(event.text)
            elif isinstance(event, Finished):
                finished.append(event)
            else:
                yield event

    watch(others(), Console(highlight=False))
    for line in finished[0].lines():
        say(line)


def info(facts: Mapping[str, Any], as_json: bool) -> None:
    """What is known about a run."""
    if as_json:
        dump(facts)
    else:
        _pairs(facts)


def doctor(facts: Mapping[str, Any], as_json: bool) -> None:
    """What this machine has, and what will be used."""
    if as_json:
        dump(facts)
        return
    parts = {"choices", "measured"}
    _pairs({name: value for name, value in facts.items() if name not in parts})
    say("\nWhat training will do here, and why:")
    _pairs({name: f"{told['choice']}: {told['reason']}" for name, told in facts["choices"].items()})
    say("\nMeasured just now:")
    _pairs(facts["measured"])


def verified(found: Verified, as_json: bool) -> None:
    """What was found about a run's files, the bad news last."""
    if as_json:
        dump(asdict(found))
        return
    for note in found.notes:
        say(note)
    for problem in found.problems:
        say(f"{problem.path}: {problem.what}")
        say(f"  {problem.mend}")
    resumed = found.resumes_from
    _pairs(
        {
            "as written": f"{len(found.whole)} files and checkpoints",
            "can be resumed": "no" if resumed is None else f"from step {resumed:,}",
            "can be sampled": " and ".join(found.samples) or "no",
        }
    )


def _pairs(facts: Mapping[str, Any]) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value not in (None, [], ""):
            table.add_row(Text(name.replace("_", " "), style="bold"), Text(_readable(value)))
    _out.print(table)


def _readable(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_readable(item)} {name}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_readable(item) for item in value)
    return str(value)
