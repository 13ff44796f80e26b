"""Rendering of sounds: what `data check` found in them, and how samples measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sfumato.media.audio.check import AudioReport
    from sfumato.metrics.kernel_distance import KernelDistance
    from sfumato.run.audio.evaluation import SoundReport
    from sfumato.run.audio.quality import Distances

Row = tuple[str, ...]


def report_rows(report: AudioReport) -> Iterator[tuple[str, str]]:
    """Name and text of the rows that sounds alone have."""
    settings = report.settings
    yield "folder", str(report.root)
    yield "sounds", f"{report.count:,} ({report.groups:,} independent) of {report.files:,} files"
    yield (
        "heard as",
        f"{settings.seconds:g} s, {settings.channels}, {settings.rate:,} Hz, "
        f"cut {settings.cut}, level {settings.level}",
    )
    low, middle, high = report.seconds
    yield (
        "durations",
        f"{low:.2f} to {high:.2f} s, median {middle:.2f}; {_clock(report.total)} in all",
    )
    if report.longer:
        yield (
            "cut off",
            f"{report.longer:,} files are longer than a clip (--set medium.seconds=...)",
        )
    low, middle, high = report.lengths
    yield "clips end", f"after {low:.2f} to {high:.2f} s, median {middle:.2f}"
    yield "rates", _counts(report.rates)
    yield "channels", _counts(report.channels)
    yield "stored as", _counts(report.formats)
    low, middle, high = report.levels
    yield "loudness", f"{low:.0f} to {high:.0f} dB, median {middle:.0f}"
    yield "clipped", f"{report.clipped:,}"


def report_tables(report: SoundReport) -> Iterator[tuple[Row, Iterator[Row]]]:
    """Tables of an evaluation: their heads and rows."""
    for distances in report.quality.distances:
        yield (f"distance, {distances.embedding}", "x 100", "n"), _distances(distances)
    yield ("sounds", "samples", "real"), _compared(report)


def _distances(found: Distances) -> Iterator[Row]:
    samples, held_out, training = found.n
    yield "samples to held-out", _interval(found.held_out), f"{samples:,}, {held_out:,}"
    yield "samples to training", _interval(found.training), f"{samples:,}, {training:,}"
    yield "held-out to training", _interval(found.real), f"{held_out:,}, {training:,}"
    if found.halves is not None and found.halves_95 is not None:
        yield "halves of the real, mean", f"{found.halves:.3f}", f"{(held_out + training) // 2:,}"
        yield "  95 % stay below", f"{found.halves_95:.3f}", ""


def _interval(value: KernelDistance | None) -> str:
    return "-" if value is None else f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def _compared(report: SoundReport) -> Iterator[Row]:
    quality = report.quality
    ours, real = quality.levels, quality.real_levels
    if quality.classes is not None:
        yield "in their class", f"{quality.classes.samples:.1%}", f"{quality.classes.real:.1%}"
    if report.words is not None:
        yield "word understood", f"{report.words.samples:.1%}", f"{report.words.real:.1%}"
    yield "loudness, dB (median)", f"{ours.rms:.1f}", f"{real.rms:.1f}"
    yield "clipped", f"{ours.clipped:.1%}", f"{real.clipped:.1%}"
    yield "silent", f"{ours.silent:.1%}", f"{real.silent:.1%}"
    copies, reference = quality.copies, quality.real_copies
    for name, of in (
        ("likeness to the nearest training sound", "median"),
        ("  95 % stay below", "p95"),
    ):
        other = "-" if reference is None else f"{getattr(reference, of):.2f}"
        yield name, f"{getattr(copies, of):.2f}", other
    other = "-" if reference is None else f"{reference.share:.1%}"
    yield "  above 0.9: a copy", f"{copies.share:.1%}", other
    yield "n", f"{ours.count:,}", f"{real.count:,}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
