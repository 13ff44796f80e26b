"""Displays of a report page: images, audio clips, texts and plots, and their HTML."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sfumato.escaping import escape_html
from sfumato.media.display import data_uri, player_html
from sfumato.runs.directory import RunDirectory
from sfumato.runs.info import Curve, curves

_SMALL = 256
_PNG_WIDTH = slice(16, 20)
# Curves that are drawn in one plot, by the names under which they are logged.
_TOGETHER = (
    ("loss", ("held-out loss", "training loss")),
    ("bits per character", ("held-out bits per character", "training bits per character")),
)
_MOST_POINTS = 300
_CURVES = (
    "Measured during training with the averaged weights, on as many held-out as training items and "
    "with the same noise. Overfitting begins where the curves part."
)
_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 12, 44
_TICKS = 5
# The style of the page names this many colours; further lines use them again.
_COLOURS = 4


@dataclass(frozen=True)
class Display(ABC):
    """Something to look at, to listen to or to read.

    Attributes:
        title: What it is.
        about: What to look for.
    """

    title: str
    about: str

    def html(self) -> str:
        """The HTML, with a heading."""
        head = (
            f'<h2>{escape_html(self.title)}</h2>\n<p class="about">{escape_html(self.about)}</p>\n'
        )
        return head + self.body()

    @abstractmethod
    def body(self) -> str:
        """The HTML below the heading."""


@dataclass(frozen=True)
class Images(Display):
    """Images to look at.

    Attributes:
        images: Each with its caption: the bytes of a PNG file.
    """

    images: tuple[tuple[str, bytes], ...]

    def body(self) -> str:
        """See :meth:`Display.body`."""
        return "\n".join(_image(caption, content) for caption, content in self.images)


@dataclass(frozen=True)
class AudioClips(Display):
    """Audio clips to listen to.

    Attributes:
        clips: Each with its caption: the bytes of a WAV or FLAC file.
    """

    clips: tuple[tuple[str, bytes], ...]

    def body(self) -> str:
        """See :meth:`Display.body`."""
        players = "\n".join(_player(caption, content) for caption, content in self.clips)
        return f'<div class="players">\n{players}\n</div>'


@dataclass(frozen=True)
class Texts(Display):
    """Texts to read.

    Attributes:
        texts: Each with its caption.
    """

    texts: tuple[tuple[str, str], ...]

    def body(self) -> str:
        """See :meth:`Display.body`."""
        return "\n".join(
            f'<div class="soft">{escape_html(caption)}</div>\n<pre>{escape_html(text)}</pre>'
            for caption, text in self.texts
        )


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name: Name in the legend.
        x, y: Points, of one length.
        low, high: Intervals of ``y``; empty if unknown.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def finite(self) -> Line:
        """The points that can be drawn; without bounds unless all of them are finite."""
        drawable = [
            number
            for number, point in enumerate(zip(self.x, self.y, strict=True))
            if all(map(math.isfinite, point))
        ]

        def of(values: Sequence[float]) -> tuple[float, ...]:
            return tuple(values[number] for number in drawable)

        bounds = of(self.low) + of(self.high) if self.low and self.high else ()
        if not bounds or not all(map(math.isfinite, bounds)):
            return Line(self.name, of(self.x), of(self.y))
        return Line(self.name, of(self.x), of(self.y), of(self.low), of(self.high))


@dataclass(frozen=True)
class Plot(Display):
    """Curves in one frame.

    Attributes:
        x_title, y_title: Titles of the axes, with units.
        lines: At least one curve.
    """

    x_title: str
    y_title: str
    lines: tuple[Line, ...]

    def body(self) -> str:
        """See :meth:`Display.body`."""
        return f"<figure>{self.svg()}</figure>"

    def svg(self) -> str:
        """An ``<svg>`` element and a legend; numbers that are not finite are left out."""
        lines = [line.finite() for line in self.lines]
        x = _Axis.of([value for line in lines for value in line.x], _LEFT, _WIDTH - _RIGHT)
        heights = [value for line in lines for value in (*line.y, *line.low, *line.high)]
        y = _Axis.of(heights, _HEIGHT - _BOTTOM, _TOP)
        parts = [
            f'<svg class="plot" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
            f"<title>{escape_html(self.title)}</title>",
            *_grid(x, y),
            *_axis_titles(self.x_title, self.y_title),
            *(part for number, line in enumerate(lines) for part in _curve(line, number, x, y)),
            "</svg>",
            _legend(lines),
        ]
        return "\n".join(parts)


def training_plots(directory: RunDirectory) -> tuple[Plot, ...]:
    """The measures that were taken while the run was trained; none if they were never taken."""
    found = curves(directory)
    plots = []
    for unit, names in _TOGETHER:
        lines = tuple(_line(name, found[name]) for name in names if found.get(name))
        if lines:
            plots.append(Plot("training curves", _CURVES, "optimiser steps", unit, lines))
    return tuple(plots)


def _line(name: str, points: Curve) -> Line:
    """A curve of at most 300 evenly spaced points; the last point is among them."""
    if len(points) > _MOST_POINTS:
        last = len(points) - 1
        places = (number * last // (_MOST_POINTS - 1) for number in range(_MOST_POINTS))
        points = tuple(points[place] for place in places)
    return Line(name, tuple(float(step) for step, _ in points), tuple(y for _, y in points))


def _image(caption: str, content: bytes) -> str:
    # Small images are enlarged, and their pixels should stay sharp.
    small = int.from_bytes(content[_PNG_WIDTH], "big") <= _SMALL
    kind = ' class="small"' if small else ""
    return (
        f'<figure><img{kind} alt="{escape_html(caption)}" src="{data_uri("image/png", content)}">'
        f"<figcaption>{escape_html(caption)}</figcaption></figure>"
    )


def _player(caption: str, content: bytes) -> str:
    return f"<figure><figcaption>{escape_html(caption)}</figcaption>{player_html(content)}</figure>"


@dataclass(frozen=True)
class _Axis:
    """A range of numbers that is mapped to a range of pixels."""

    low: float
    high: float
    begin: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], begin: float, end: float) -> _Axis:
        low, high = min(values, default=0.0), max(values, default=1.0)
        # Equal numbers get some space around them.
        margin = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
        return cls(low - margin, high + margin, begin, end)

    def at(self, value: float) -> float:
        """The pixel of a number."""
        share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """About five round numbers in the range."""
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def _round_step(step: float) -> float:
    """The least of 1, 2 or 5 times a power of ten that is not below ``step``."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= step * (1 - 1e-9))


def _grid(x: _Axis, y: _Axis) -> Iterator[str]:
    for value in y.ticks():
        at = y.at(value)
        yield f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>'
        yield (
            f'<text class="tick" x="{_LEFT - 6}" y="{at + 4:.1f}" '
            f'text-anchor="end">{value:g}</text>'
        )
    for value in x.ticks():
        at = x.at(value)
        yield f'<path class="grid" d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>'
        yield (
            f'<text class="tick" x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" '
            f'text-anchor="middle">{value:g}</text>'
        )


def _axis_titles(x_title: str, y_title: str) -> Iterator[str]:
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    across = (_LEFT + _WIDTH - _RIGHT) / 2
    yield (
        f'<text class="axis" x="{across}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape_html(x_title)}</text>"
    )
    yield (
        f'<text class="axis" transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape_html(y_title)}</text>"
    )


def _curve(line: Line, number: int, x: _Axis, y: _Axis) -> Iterator[str]:
    colour = f"c{number % _COLOURS}"
    across = [x.at(value) for value in line.x]
    if line.low:
        edge = [*zip(across, map(y.at, line.high), strict=True)]
        edge += reversed([*zip(across, map(y.at, line.low), strict=True)])
        yield f'<polygon class="band {colour}" points="{_points(edge)}"/>'
    points = [*zip(across, map(y.at, line.y), strict=True)]
    yield f'<polyline class="line {colour}" points="{_points(points)}"/>'
    # With many points, the dots would hide the line.
    for cx, cy in points if len(points) <= 30 else ():
        yield f'<circle class="dot {colour}" cx="{cx:.1f}" cy="{cy:.1f}" r="3"/>'


def _points(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)


def _legend(lines: Sequence[Line]) -> str:
    entries = "".join(
        f'<li class="c{number % _COLOURS}">{escape_html(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return f'<ul class="legend">{entries}</ul>'
