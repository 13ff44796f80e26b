"""Rendering of evaluations: a status line while they are made, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sfumato.cli import show, show_audio

if TYPE_CHECKING:
    from sfumato.metrics.molecules import Molecules
    from sfumato.run.audio.evaluation import SoundReport
    from sfumato.run.estimate import Estimate
    from sfumato.run.text.evaluation import Report
    from sfumato.run.text.likelihoods import Bits
    from sfumato.run.text.quality import Compared, Copies, Quality

Row = tuple[str, ...]


def evaluation(events: Iterator[Any], as_json: bool) -> None:
    """An evaluation as it is made, and its report."""
    from sfumato.run.evaluated import Evaluated
    from sfumato.run.measuring import Measuring

    found: Evaluated | None = None
    with show.progress(as_json) as report:
        for event in events:
            if isinstance(event, Measuring):
                report(event.done, event.total, event.what)
            if isinstance(event, Evaluated):
                found = event
    if found is None:
        raise RuntimeError("the evaluation ended without a report")
    if as_json:
        show.dump(found.report.to_json())
        return
    console = Console(highlight=False)
    for table in _tables(found.report):
        console.print(table)
        console.print()
    for note in found.report.notes:
        show.say(f"note: {note}")
    show.say(f"report: {found.path}")
    if found.picture is not None:
        show.say(f"samples over the likest training sounds: {found.picture}")


def _tables(report: Report | SoundReport) -> Iterator[Table]:
    from sfumato.run.audio.evaluation import SoundReport

    if isinstance(report, SoundReport):
        for head, rows in show_audio.report_tables(report):
            yield _table(head, rows)
        return
    likelihood, quality = report.likelihood, report.quality
    yield _table(
        ("likelihood", "held-out", "training"), _bits(likelihood.held_out, likelihood.training)
    )
    yield _table(("texts", "samples", "real"), _compared(quality))
    if quality.ngrams:
        yield _table(("distance to real text, bits", "samples", "floor", "n"), _ngrams(quality))
    if report.molecules is not None:
        yield _table(("molecules", "share", "n"), _molecules(report.molecules))


def _bits(held_out: Bits | None, training: Bits) -> Iterator[Row]:
    def row(name: str, of: Any) -> Row:
        return (name, "-" if held_out is None else of(held_out), of(training))

    yield row("bits per character", lambda bits: _estimate(bits.bits_per_character))
    yield row("  of them for lengths", lambda bits: f"{bits.bits_of_lengths_per_character:.4f}")
    yield row("bits per token", lambda bits: _estimate(bits.bits_per_token))
    yield row("rows", lambda bits: f"{bits.rows:,}")
    yield row("texts", lambda bits: f"{bits.texts:,}")
    yield row("characters", lambda bits: f"{bits.characters:,}")


def _estimate(value: Estimate) -> str:
    if value.low is None or value.high is None:
        return f"{value.mean:.4f}"
    return f"{value.mean:.4f} ({value.low:.4f} to {value.high:.4f})"


def _compared(quality: Quality) -> Iterator[Row]:
    yield _row("token entropy, bits", quality.token_entropy, ".3f")
    yield _row("the same, pooled", quality.pooled_token_entropy, ".3f")
    if quality.known_words is not None:
        yield _row("known words", quality.known_words, ".1%")
    yield _row("duplicates", quality.duplicates, ".1%")
    yield from _copied(quality.copies, quality.real_copies)
    yield ("n", f"{quality.copies.n:,}", f"{quality.token_entropy.real_n:,}")


def _row(name: str, value: Compared, form: str) -> Row:
    real = "-" if value.real is None else format(value.real, form)
    return (name, format(value.samples, form), real)


def _copied(samples: Copies, real: Copies | None) -> Iterator[Row]:
    def row(name: str, of: Any) -> Row:
        return (name, of(samples), "-" if real is None else of(real))

    yield row("longest copy, characters: median", lambda copies: f"{copies.median:g}")
    yield row("  95 % of the texts, at most", lambda copies: f"{copies.p95:g}")
    yield row("  of any text", lambda copies: f"{copies.longest:,}")
    for length in samples.share:
        yield row(
            f"in copies of {length} or more", lambda copies, at=length: f"{copies.share[at]:.1%}"
        )


def _ngrams(quality: Quality) -> Iterator[Row]:
    for one in quality.ngrams:
        yield (f"runs of {one.length}", f"{one.distance:.4f}", f"{one.floor:.4f}", f"{one.n:,}")


def _molecules(found: Molecules) -> Iterator[Row]:
    # Each is a share of what the one before leaves.
    of = found.count
    for name in ("valid", "unique", "novel"):
        share: float = getattr(found, name)
        yield (name, f"{share:.1%}", f"{of:,}")
        of = round(of * share)


def _table(head: Row, rows: Iterable[Row]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for place, name in enumerate(head):
        table.add_column(Text(name), justify="right" if place else "left")
    for name, *values in rows:
        table.add_row(Text(name), *map(Text, values))
    return table
