"""Curves as pictures: inline SVG that follows the colours of the page around it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from sfumato.evaluation.exhibits import Line, Plot

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 12, 44
_TICKS = 5
# Colours by name, see ``document``; more lines begin again.
_COLOURS = 4


@dataclass(frozen=True)
class _Axis:
    """A range of numbers laid out over a range of pixels."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a number."""
        share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Round numbers in the range, some five of them."""
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def svg(plot: Plot) -> str:
    """A plot as an ``<svg>`` element; numbers that are not finite are left out."""
    lines = [_finite(line) for line in plot.lines]
    x = _axis([value for line in lines for value in line.x], _LEFT, _WIDTH - _RIGHT)
    heights = [value for line in lines for value in (*line.y, *line.low, *line.high)]
    y = _axis(heights, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg class="plot" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f"<title>{escape(plot.title)}</title>",
        *_grid(x, y),
        *_titles(plot),
        *(part for number, line in enumerate(lines) for part in _drawn(line, number, x, y)),
        "</svg>",
        _legend(lines),
    ]
    return "\n".join(parts)


def _finite(line: Line) -> Line:
    """The points that can be drawn; without all bounds there are none."""
    kept = [
        number
        for number, point in enumerate(zip(line.x, line.y, strict=True))
        if all(map(math.isfinite, point))
    ]

    def of(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(values[number] for number in kept)

    bounds = of(line.low) + of(line.high) if line.low and line.high else ()
    if not bounds or not all(map(math.isfinite, bounds)):
        return Line(line.name, of(line.x), of(line.y))
    return Line(line.name, of(line.x), of(line.y), of(line.low), of(line.high))


def _axis(values: Sequence[float], begin: float, end: float) -> _Axis:
    low, high = min(values, default=0.0), max(values, default=1.0)
    # Equal numbers get some room about them.
    margin = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
    return _Axis(low - margin, high + margin, begin, end)


def _round_step(step: float) -> float:
    """The least of 1, 2 or 5 times a power of ten that is not below."""
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


def _titles(plot: Plot) -> Iterator[str]:
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    across = (_LEFT + _WIDTH - _RIGHT) / 2
    yield (
        f'<text class="axis" x="{across}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(plot.x_title)}</text>"
    )
    yield (
        f'<text class="axis" transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(plot.y_title)}</text>"
    )


def _drawn(line: Line, number: int, x: _Axis, y: _Axis) -> Iterator[str]:
    colour = f"c{number % _COLOURS}"
    across = [x.at(value) for value in line.x]
    if line.low:
        edge = [*zip(across, map(y.at, line.high), strict=True)]
        edge += reversed([*zip(across, map(y.at, line.low), strict=True)])
        yield f'<polygon class="band {colour}" points="{_points(edge)}"/>'
    points = [*zip(across, map(y.at, line.y), strict=True)]
    yield f'<polyline class="line {colour}" points="{_points(points)}"/>'
    # Of a hundred points a dot each would hide the line.
    for cx, cy in points if len(points) <= 30 else ():
        yield f'<circle class="dot {colour}" cx="{cx:.1f}" cy="{cy:.1f}" r="3"/>'


def _points(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)


def _legend(lines: Sequence[Line]) -> str:
    entries = "".join(
        f'<li class="c{number % _COLOURS}">{escape(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return f'<ul class="legend">{entries}</ul>'
