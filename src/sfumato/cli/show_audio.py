"""Rendering of sounds: what `data check` found in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sfumato.media.audio.check import AudioReport


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


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
