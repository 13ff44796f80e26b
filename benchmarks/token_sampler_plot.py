"""Draw the table of token_sampler_accuracy.py: divergence by evaluations, both logarithmic.

    python benchmarks/token_sampler_plot.py

What is nothing but rounding lies on the line named 0.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sfumato.storage import write_text

TABLE = Path(__file__).with_name("token_sampler_accuracy.csv")
PICTURE = TABLE.with_suffix(".svg")
WIDTH, HEIGHT = 1000, 500
COLOURS = {
    "ancestral (masking)": "#0072b2",
    "bridge (masking)": "#56b4e9",
    "confidence (masking)": "#e69f00",
    "confidence, noise 0 (masking)": "#d55e00",
    "dyadic (masking)": "#009e73",
    "remasking (masking)": "#cc79a7",
    "trapezoid (masking)": "#444444",
    "bridge (uniform)": "#9a8f00",
}

Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Panel:
    """One plot: its frame in pixels, and the powers of ten at its lower and upper edge.

    A value below the lower edge lies on the line one power below it, the line of 0.
    """

    title: str
    left: float
    low: int
    high: int
    top: float = 50
    width: float = 415
    height: float = 330

    def x(self, evaluations: float) -> float:
        """Pixels from the left; 1 to 256 evaluations fill the frame."""
        return self.left + self.width * math.log2(evaluations) / 8

    def y(self, bits: float) -> float:
        """Pixels from the top."""
        power = math.log10(bits) if bits > 0 else -math.inf
        power = power if power >= self.low else self.low - 1
        return self.top + self.height * (self.high - power) / (self.high - self.low + 1)

    def frame(self) -> Iterator[str]:
        """Title, grid and the numbers beside it."""
        right, bottom = self.left + self.width, self.top + self.height
        yield _text(self.left, self.top - 18, self.title, size=15)
        for power in range(self.low - 1, self.high + 1):
            y = self.y(10.0**power)
            yield _line(self.left, y, right, y, "#dddddd")
            yield _text(
                self.left - 6, y + 4, f"{10.0**power:g}" if power >= self.low else "0", "end"
            )
        for evaluations in (1, 2, 4, 9, 16, 32, 64, 128, 256):
            x = self.x(evaluations)
            yield _line(x, self.top, x, bottom, "#eeeeee")
            yield _text(x, bottom + 17, str(evaluations), "middle")
        yield _text(self.left + self.width / 2, bottom + 36, "evaluations", "middle")

    def curve(self, points: Points, colour: str) -> Iterator[str]:
        """A line through the points, and a dot on each."""
        places = [(self.x(n), self.y(bits)) for n, bits in points]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)


def _text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, more: str = "") -> str:
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="{colour}" {more}/>'


def curves(rows: list[dict[str, str]], column: str) -> dict[str, Points]:
    """The points of each sampler for which the column is known."""
    found: dict[str, Points] = {}
    for row in rows:
        if row["evaluations"] and row[column]:
            points = found.setdefault(f"{row['sampler']} ({row['process']})", [])
            points.append((int(row["evaluations"]), float(row[column])))
    return found


def legend() -> Iterator[str]:
    """Names and colours, four a line."""
    for number, (name, colour) in enumerate(COLOURS.items()):
        x, y = 70 + 235 * (number % 4), HEIGHT - 48 + 24 * (number // 4)
        yield _line(x, y - 4, x + 24, y - 4, colour, 'stroke-width="3"')
        yield _text(x + 30, y, name)


def drawing(rows: list[dict[str, str]]) -> str:
    """The whole picture."""
    path = Panel("path: bits a token, an upper bound", 60, -4, 1)
    pairs = Panel("pairs of neighbours: bits a pair", 560, -4, 1)
    parts = [*path.frame(), *pairs.frame(), *legend()]
    for panel, column in (path, "path"), (pairs, "pairs"):
        for name, points in curves(rows, column).items():
            parts += panel.curve(points, COLOURS[name])
    (floor,) = (float(row["pairs"]) for row in rows if row["sampler"] == "truth, mean")
    y, right = pairs.y(floor), pairs.left + pairs.width
    parts.append(_line(pairs.left, y, right, y, "#000000", 'stroke-dasharray="4 4"'))
    parts.append(_text(pairs.left + 4, y + 15, "true samples"))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">'
    )
    paper = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    return "\n".join([head, paper, *parts, "</svg>\n"])


def main() -> None:
    with TABLE.open(newline="") as file:
        write_text(PICTURE, drawing(list(csv.DictReader(file))))


if __name__ == "__main__":
    main()
