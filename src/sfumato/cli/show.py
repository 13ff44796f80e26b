"""Printing of results about runs, samples and data, as tables or JSON."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.text import Text

from sfumato.cli.output import ERR, OUT, dump, facts, paragraph, passage, rows, say
from sfumato.engine.terminal import display
from sfumato.escaping import escape_line, escape_text

if TYPE_CHECKING:
    from sfumato.catalogue import Entry, FetchedSet
    from sfumato.media.report import Report
    from sfumato.model.provenance import Making
    from sfumato.runs.directory import RunDirectory
    from sfumato.runs.verify import Verified
    from sfumato.verbs.fill import Filled
    from sfumato.verbs.sample import Written

_MOST_LINES = 16


def names(lines: Mapping[str, str], default: str, as_json: bool) -> None:
    """Print names, each with a one-line description."""
    if as_json:
        dump({"default": default, "names": dict(lines)})
        return
    rows((name, line + ("  (default)" if name == default else "")) for name, line in lines.items())


def samplers(groups: Mapping[str, tuple[Mapping[str, str], str]], as_json: bool) -> None:
    """Print the samplers of each group of media, each with a one-line description."""
    if as_json:
        dump({noun: {"default": default, "names": dict(lines)}
              for noun, (lines, default) in groups.items()})  # fmt: skip
        return
    for noun, (lines, default) in groups.items():
        say(f"{noun}:")
        names(lines, default, as_json=False)


def catalogue(entries: Sequence[Entry], defaults: Collection[str], as_json: bool) -> None:
    """Print the data sets of the catalogue."""
    if as_json:
        fields = ("name", "title", "medium", "count", "licence", "megabytes", "package", "version")
        dump([{field: getattr(entry, field) for field in fields} for entry in entries])
        return
    for entry in entries:
        mark = f"  (default for {entry.medium})" if entry.name in defaults else ""
        OUT.print(Text.assemble((entry.name, "bold"), f"{mark}\n  {entry.title}"))
        say(f"  {entry.megabytes} MB download, licence {entry.licence}")


def fetched(found: FetchedSet, as_json: bool) -> None:
    """Print the path and the licence of a fetched data set."""
    entry = found.entry
    if as_json:
        dump({"name": entry.name, "path": str(found.path), "licence": entry.licence,
              "attribution": entry.attribution, "count": entry.count})  # fmt: skip
        return
    say(f"{entry.count:,} {entry.noun} in {found.path}")
    say(f"licence: {entry.licence}")
    paragraph(entry.attribution.strip())


def data_report(report: Report, sheet: Path | None, as_json: bool) -> None:
    """Print the report on a data set, and the path of its contact sheet if it has one."""
    where = {} if sheet is None else {"contact_sheet": str(sheet)}
    if as_json:
        dump({**report.to_json(), **where})
        return
    rows([*report.table(), *((name.replace("_", " "), path) for name, path in where.items())])


def trained(directory: RunDirectory, quiet: bool) -> None:
    """Print the path of a trained run, and a command to try next."""
    out = display("stdout", highlight=False, soft_wrap=True)
    if quiet:
        out.print(Text(escape_line(str(directory.root))))
        return
    for preview in sorted(directory.previews.glob("latest.*")):
        out.print(Text(escape_line(f"previews: {preview}")))
    out.print(Text(escape_line(f"next: sfumato sample {directory.root}")))


def sampled(events: Iterator[Any], as_json: bool) -> None:
    """Show the progress of sampling, and print the files of the samples."""
    (written,) = _watched(events, as_json)
    if as_json:
        dump(written.to_json())
        return
    for line in written.lines():
        passage(line)


def edited(events: Iterator[Any], as_json: bool) -> None:
    """Show the progress of edits, and print the files of the results."""
    from sfumato.verbs.edit import Completed

    first = next(events)
    if isinstance(first, Completed):
        filled(first.results, as_json)
        return
    results = _watched(chain([first], events), as_json)
    if as_json:
        dump([written.to_json() for written in results])
        return
    for written in results:
        for line in written.lines():
            passage(line)


def _watched(events: Iterator[Any], quiet: bool) -> list[Written]:
    """Show the events of sampling on a terminal; returns the files of each request."""
    from sfumato.model.provenance import Making
    from sfumato.verbs.sample import Written

    written: list[Written] = []
    spinner = Spinner("dots", "starting")
    live = Live(spinner, console=ERR, refresh_per_second=20, transient=True)
    watching = not quiet and ERR.is_terminal
    if watching:
        live.start()
    try:
        for event in events:
            if isinstance(event, Written):
                written.append(event)
            elif watching and isinstance(event, Making):
                live.update(_frame(event, spinner))
    finally:
        if watching:
            live.stop()
    if not written:
        raise RuntimeError("sampling ended without files")
    return written


def _frame(event: Making, spinner: Spinner) -> RenderableType:
    """The display of a batch while it is sampled: its first text, or its step."""
    from sfumato.model.layout import MASKED

    state, texts = event.state, event.texts
    if texts is None:
        spinner.update(text=f"sample {event.done + 1:,}: step {state.step:,}/{state.steps:,}")
        return spinner
    room = max(3, min(_MOST_LINES, ERR.height - 4))
    shown = Text()
    for character in escape_text("\n".join(texts[0].splitlines()[:room])):
        shown.append(character, style="bright_black" if character == MASKED else "bold")
    title = f"text {event.done + 1:,} of {event.total:,}, step {state.step} of {state.steps}"
    return Panel(shown, title=title, title_align="left")


def filled(results: Sequence[Filled], as_json: bool) -> None:
    """Print filled texts, the most likely first, with highlighted fillings."""
    if as_json:
        from sfumato.verbs.fill import as_json as plain

        dump(plain(results))
        return
    for one in results:
        bits = f"{one.bits:5.2f}" if math.isfinite(one.bits) else "  inf"
        if not OUT.is_terminal:
            passage(f"{bits} bits/token  {one.text}")
            continue
        shown = Text(f"{bits} bits/token  ", style="dim")
        place = 0
        for begin, end in one.spans:
            shown.append(escape_text(one.text[place:begin]), style="none")
            shown.append(escape_text(one.text[begin:end]), style="bold green")
            place = end
        OUT.print(shown.append(escape_text(one.text[place:]), style="none"))


def demo(events: Iterator[Any]) -> None:
    """Show the progress of a demonstration, and print its results."""
    from sfumato.verbs.demo_parts import Finished, Note
    from sfumato.verbs.train import watch

    finished: list[Finished] = []
    out = display("stdout", highlight=False)

    def others() -> Iterator[Any]:
        for event in events:
            if isinstance(event, Note):
                out.print(Text(escape_text(event.text)), soft_wrap=True)
            elif isinstance(event, Finished):
                finished.append(event)
            else:
                yield event

    watch(others(), out)
    for line in finished[0].lines:
        out.print(Text(escape_text(line)), soft_wrap=True)


def info(values: Mapping[str, Any], as_json: bool) -> None:
    """Print the summary of a run."""
    if as_json:
        dump(values)
    else:
        facts(values)


def doctor(values: Mapping[str, Any], as_json: bool) -> None:
    """Print the facts about this machine, and the choices made on it."""
    if as_json:
        dump(values)
        return
    parts = {"choices", "measured"}
    facts({name: value for name, value in values.items() if name not in parts})
    paragraph("\nChoices for training on this machine, and why:")
    facts({name: f"{one['choice']}: {one['reason']}" for name, one in values["choices"].items()})
    paragraph("\nMeasured just now:")
    facts(values["measured"])


def verified(found: Verified, as_json: bool) -> None:
    """Print the notes and problems of the check of a run."""
    if as_json:
        dump(asdict(found))
        return
    for note in found.notes:
        say(note)
    for problem in found.problems:
        say(f"{problem.path}: {problem.what}")
        say(f"  {problem.mend}")
    resumed = found.resumes_from
    facts(
        {
            "as written": f"{len(found.whole)} files and checkpoints",
            "can be resumed": "no" if resumed is None else f"from step {resumed:,}",
            "can be sampled": " and ".join(found.samples) or "no",
        }
    )
